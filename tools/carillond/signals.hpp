#pragma once

#include <chrono>

namespace carillon::carillond {

/// Takes SIGTERM, SIGINT and SIGHUP away from every thread, so that the main
/// thread alone hears of them, in wait_for_signal(). Ignores SIGPIPE: a client
/// that vanished is an error of its socket. Call it before the first thread starts.
void block_signals();

/// Sleeps until one of the blocked signals arrives, and returns its number.
[[nodiscard]] int wait_for_signal();

/// From now on SIGTERM and SIGINT end the process at once: whoever asks twice
/// does not want to wait for the drain.
void die_on_next_signal();

/// The process has so much time until go_on_without_end(): then give_up(), whatever it waits
/// for. For a wait that a store which hangs would never let end.
void end_within(std::chrono::milliseconds time);
void go_on_without_end();

/// Ends the process with 1 and a line that says why, at once: a store that hangs can't be closed.
[[noreturn]] void give_up() noexcept;

}  // namespace carillon::carillond
