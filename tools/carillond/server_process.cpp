#include "tools/carillond/server_process.hpp"

#include "tools/carillond/descriptors.hpp"
#include "tools/carillond/logging.hpp"
#include "tools/carillond/server_parts.hpp"
#include "tools/carillond/signals.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

namespace carillon::carillond {
namespace {

using engine::LogLevel;

// Beyond what draining may take: for the lookups of ids that the store still owes. A store
// that hangs answers none of them, and no patience of ours ends one.
constexpr std::chrono::seconds hang_allowance{30};

/// The line that whoever started us waits for. In one write(), past the log, so
/// that nothing can come between its letters.
void announce(const ListenAddress& address) {
  const auto line = fmt::format("listening on http://{}\n", to_string(address));
  // A closed standard error must not keep the server from serving.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

/// What the configuration says, but no more than the descriptors allow: beyond that
/// connections would take those with which the store writes.
net::AdmissionLimits limits_of(const Config& config, Logging& logging) {
  auto limits = config.network.limits;
  const std::uint64_t shards = config.engine.shards;
  const auto room = connections_that_fit(
      descriptors_max(), shards != 0 ? shards : std::thread::hardware_concurrency());
  if (limits.connections_max > room)
    logging.log(LogLevel::warning,
                "max_connections is more than the descriptor limit leaves, which is in force",
                {{"max_connections", std::to_string(limits.connections_max)},
                 {"room", std::to_string(room)},
                 {"descriptors_max", std::to_string(descriptors_max())}});
  if (limits.connections_max == 0 || limits.connections_max > room) limits.connections_max = room;
  return limits;
}

void reload(Config& running, const Sources& sources, ServerParts& parts, Logging& logging) {
  const auto loaded = load_config(sources);
  for (const auto& fault : loaded.faults)
    logging.log(LogLevel::error, fault);
  if (!loaded.faults.empty()) {
    logging.log(LogLevel::error, "nothing was reloaded");
    return;
  }
  running.log_level = logging.level();  // PUT …/config may have changed it since
  const auto outcome = reload_live_keys(running, loaded.config);
  logging.set_level(running.log_level);
  parts.set_limits(limits_of(running, logging));
  parts.set_retention(running.store.retention);
  for (const auto& key : outcome.needs_restart)
    logging.log(LogLevel::warning, "changed, but needs a restart", {{"key", key}});
  logging.log(LogLevel::info, "configuration reloaded",
              {{"changed", fmt::format("{}", fmt::join(outcome.applied, ","))}});
}

void wait_for_end(Config& running, const Sources& sources, ServerParts& parts, Logging& logging) {
  while (true) {
    const int signal = wait_for_signal();
    if (signal != SIGHUP) {
      logging.log(LogLevel::info, "draining", {{"signal", ::sigabbrev_np(signal)}});
      return;
    }
    reload(running, sources, parts, logging);
  }
}

}  // namespace

int serve(const Config& config, const Sources& sources) {
  block_signals();
  Logging logging{config.log_level, config.log_format};
  raise_descriptor_limit();
  auto effective = config;
  effective.network.limits = limits_of(config, logging);

  ServerParts parts{effective, logging};
  if (const auto started = parts.start(); !started) {
    fmt::print(stderr, "carillond: {}\n", started.error().text());
    return 1;
  }
  auto listening = config.listen;
  listening.port = parts.port();
  logging.log(LogLevel::info, "ready",
              {{"version", CARILLON_VERSION},
               {"store", persistence::shown_store_url(store_url(config))},
               {"address", to_string(listening)},
               {"descriptors_max", std::to_string(descriptors_max())},
               {"connections_max", std::to_string(effective.network.limits.connections_max)}});
  announce(listening);

  auto running = config;
  wait_for_end(running, sources, parts, logging);
  die_on_next_signal();
  end_within(config.network.drain_timeout + hang_allowance);
  parts.drain();
  go_on_without_end();
  using Flushed = ServerParts::Flushed;
  const auto flushed = parts.flush();
  if (flushed == Flushed::hung) give_up();
  if (flushed == Flushed::abandoned)
    logging.log(LogLevel::error, "the store failed to the end: accepted events are lost");
  logging.log(LogLevel::info, "stopped");
  return flushed == Flushed::all ? 0 : 1;
}

}  // namespace carillon::carillond
