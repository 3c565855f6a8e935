#include "tools/carillond/signals.hpp"

#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>
#include <string_view>

namespace carillon::carillond {
namespace {

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals)
    sigaddset(&set, signal);
  return set;
}

void on_alarm(int /*signal*/) {
  give_up();
}

void set_alarm(std::chrono::milliseconds time) {
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(time.count() / 1'000);
  timer.it_value.tv_usec = static_cast<suseconds_t>(time.count() % 1'000 * 1'000);
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

void block_signals() {
  const auto blocked = set_of({SIGTERM, SIGINT, SIGHUP});
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, nullptr);
}

int wait_for_signal() {
  const auto awaited = set_of({SIGTERM, SIGINT, SIGHUP});
  int signal = 0;
  ::sigwait(&awaited, &signal);
  return signal;
}

void die_on_next_signal() {
  // Their default action ends the process; only this thread may be chosen.
  const auto deadly = set_of({SIGTERM, SIGINT});
  ::pthread_sigmask(SIG_UNBLOCK, &deadly, nullptr);
}

void end_within(std::chrono::milliseconds time) {
  struct sigaction last {};
  last.sa_handler = on_alarm;
  ::sigaction(SIGALRM, &last, nullptr);
  set_alarm(time);
}

void go_on_without_end() {
  set_alarm(std::chrono::milliseconds{0});
}

// Only what a signal's handler may do.
void give_up() noexcept {
  constexpr std::string_view line{
      "carillond: the store does not answer; ended without it, what was not acknowledged is "
      "lost\n"};
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
  ::_exit(1);
}

}  // namespace carillon::carillond
