#include "tools/carillond/config_keys.hpp"

#include "tools/carillond/admission_keys.hpp"
#include "tools/carillond/retention_keys.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>
#include <vector>

namespace carillon::carillond {
namespace {

using std::string_view;

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t gib = 1024 * mib;
constexpr std::uint64_t second_ms = 1'000;
constexpr std::uint64_t hour_ms = 3'600 * second_ms;

constexpr std::array<string_view, 4> log_levels{"debug", "info", "warning", "error"};
constexpr std::array<string_view, 2> log_formats{"text", "json"};
constexpr std::array<string_view, 1> auth_kinds{"none"};
constexpr std::array<string_view, 2> publish_statuses{"200", "201"};

// A table, so it may be longer than a function should be.
constexpr std::array keys{
    Key{.name = "listen",
        .field = [](Config& config) -> Field { return &config.listen; },
        .help = "address and port to listen on; port 0 picks a free one",
        .type_name = "HOST:PORT"},
    Key{.name = "data_dir",
        .field = [](Config& config) -> Field { return &config.data_dir; },
        .help = "directory of everything that outlives the process; made if missing. Default: "
                "/var/lib/carillon for root, else $XDG_STATE_HOME/carillon or "
                "~/.local/state/carillon",
        .type_name = "DIR"},
    Key{.name = "store",
        .field = [](Config& config) -> Field { return &config.store.url; },
        .help = "rocksdb:PATH, postgresql://USER:PASSWORD@HOST/DATABASE (all that libpq takes), or "
                "memory: (history is lost at the end). Empty: RocksDB inside the data directory",
        .type_name = "URL"},
    Key{.name = "threads",
        .field = [](Config& config) -> Field { return &config.engine.shards; },
        .help = "threads of the server; 0: one per core",
        .type_name = "N",
        .max = 256},
    Key{.name = "log_level",
        .field = [](Config& config) -> Field { return &config.log_level; },
        .help = "least severe level that is logged",
        .type_name = "LEVEL",
        .choices = log_levels,
        .live = true},
    Key{.name = "log_format",
        .field = [](Config& config) -> Field { return &config.log_format; },
        .help = "how log lines look on standard error: key=value, or JSON objects",
        .type_name = "FORMAT",
        .choices = log_formats},
    Key{.name = "auth",
        .field = [](Config& config) -> Field { return &config.auth; },
        .help = "who callers are; none: whoever they say",
        .type_name = "KIND",
        .choices = auth_kinds},
    Key{.name = "insecure",
        .field = [](Config& config) -> Field { return &config.insecure; },
        .help = "allow auth = \"none\" on an address that other machines can reach",
        .type_name = ""},
    Key{.name = "publish_status",
        .field = [](Config& config) -> Field { return &config.network.publish_status; },
        .help = "answer to a publish; 200 for a Meshery server that uses this one as provider",
        .type_name = "STATUS",
        .min = 200,
        .max = 201,
        .choices = publish_statuses},
    Key{.name = "max_event_bytes",
        .field = [](Config& config) -> Field { return &config.network.event_bytes_max; },
        .help = "body of a publish",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .min = kib,
        .max = 16 * mib},
    Key{.name = "max_body_bytes",
        .field = [](Config& config) -> Field { return &config.network.body_bytes_max; },
        .help = "body of any other request (batches as an array, bulk actions)",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .min = kib,
        .max = 64 * mib},
    Key{.name = "max_publish_batch_events",
        .field = [](Config& config) -> Field { return &config.network.batch_events_max; },
        .help = "events of one batch as an array; of one as a stream of lines, lines that are "
                "read and not answered yet",
        .type_name = "N",
        .min = 1,
        .max = 1'000'000},
    Key{.name = "max_header_bytes",
        .field = [](Config& config) -> Field { return &config.network.header_bytes_max; },
        .help = "request line and header fields",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .min = kib,
        .max = mib},
    Key{.name = "max_pipelined_requests",
        .field = [](Config& config) -> Field { return &config.network.pipelined_requests_max; },
        .help = "requests in flight on one connection",
        .type_name = "N",
        .min = 1,
        .max = 10'000},
    Key{.name = "max_session_backlog_bytes",
        .field = [](Config& config) -> Field { return &config.network.session_backlog_bytes_max; },
        .help = "what one subscriber has not been sent yet; beyond it the session is closed "
                "with its cursor",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .min = 16 * kib,
        .max = gib},
    Key{.name = "max_home_sessions",
        .field = [](Config& config) -> Field { return &config.network.home_sessions_max; },
        .help = "subscribers of one user that one thread serves; further ones are spread over "
                "all threads. 0: never",
        .type_name = "N",
        .max = 1'000'000},
    Key{.name = "max_websocket_message_bytes",
        .field = [](Config& config) -> Field {
          return &config.network.websocket_message_bytes_max;
        },
        .help = "one message from a WebSocket client",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .min = kib,
        .max = 16 * mib},
    Key{.name = "request_timeout",
        .field = [](Config& config) -> Field { return &config.network.request_timeout; },
        .help = "from the first to the last byte of a request",
        .type_name = "TIME",
        .min = 10,
        .max = hour_ms},
    Key{.name = "idle_timeout",
        .field = [](Config& config) -> Field { return &config.network.idle_timeout; },
        .help = "a connection kept alive without a request",
        .type_name = "TIME",
        .min = 10,
        .max = 24 * hour_ms},
    Key{.name = "write_timeout",
        .field = [](Config& config) -> Field { return &config.network.write_timeout; },
        .help = "a client that reads nothing",
        .type_name = "TIME",
        .min = 10,
        .max = hour_ms},
    Key{.name = "keepalive_interval",
        .field = [](Config& config) -> Field { return &config.network.keepalive_interval; },
        .help = "comment on a silent SSE stream",
        .type_name = "TIME",
        .min = 10,
        .max = hour_ms},
    Key{.name = "ping_interval",
        .field = [](Config& config) -> Field { return &config.network.ping_interval; },
        .help = "WebSocket ping; two unanswered ones end the session",
        .type_name = "TIME",
        .min = 10,
        .max = hour_ms},
    Key{.name = "max_flush_pause",
        .field = [](Config& config) -> Field { return &config.network.flush_pause_max; },
        .help = "under load, how long events of many subscribers are collected for one write",
        .type_name = "TIME",
        .max = second_ms},
    Key{.name = "close_timeout",
        .field = [](Config& config) -> Field { return &config.network.close_timeout; },
        .help = "closing handshake of a WebSocket",
        .type_name = "TIME",
        .min = 10,
        .max = hour_ms},
    Key{.name = "drain_timeout",
        .field = [](Config& config) -> Field { return &config.network.drain_timeout; },
        .help = "after SIGTERM: answers in flight and goodbyes",
        .type_name = "TIME",
        .min = 10,
        .max = hour_ms},
    Key{.name = "sse_retry",
        .field = [](Config& config) -> Field { return &config.network.sse_retry; },
        .help = "pause before a reconnect that SSE clients are told",
        .type_name = "TIME",
        .min = 10,
        .max = hour_ms},
    Key{.name = "max_queued_bytes",
        .field = [](Config& config) -> Field { return &config.engine.queued_bytes_max; },
        .help = "events accepted and not yet durable, per thread; beyond it publishing is "
                "answered 503",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .min = mib,
        .max = 64 * gib},
    Key{.name = "max_mailbox_bytes",
        .field = [](Config& config) -> Field { return &config.engine.mailbox_bytes_max; },
        .help = "events of one user that wait to be fanned out; beyond it publishing for this "
                "user is answered 503",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .min = 64 * kib,
        .max = 64 * gib},
    Key{.name = "max_mailbox_events_per_turn",
        .field = [](Config& config) -> Field { return &config.engine.mailbox_events_per_turn_max; },
        .help = "events of one user before the next user's turn",
        .type_name = "N",
        .min = 1,
        .max = 1'000'000},
    Key{.name = "max_batch_events",
        .field = [](Config& config) -> Field { return &config.write_behind.batch_entries_max; },
        .help = "events and changes in one commit of the store",
        .type_name = "N",
        .min = 1,
        .max = 1'000'000},
    Key{.name = "max_batch_bytes",
        .field = [](Config& config) -> Field { return &config.write_behind.batch_bytes_max; },
        .help = "size of one commit of the store",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .min = 64 * kib,
        .max = gib},
    Key{.name = "flush_timeout",
        .field = [](Config& config) -> Field { return &config.flush_timeout; },
        .help = "after SIGTERM: how long a store that fails is tried again",
        .type_name = "TIME",
        .min = 10,
        .max = hour_ms},
    Key{.name = "commit_hang_after",
        .field = [](Config& config) -> Field { return &config.write_behind.hang_after; },
        .help = "a commit of the store that runs for longer makes /readyz answer 503, and after "
                "flush_timeout is not waited for",
        .type_name = "TIME",
        .min = 10,
        .max = hour_ms},
    Key{.name = "reader_threads",
        .field = [](Config& config) -> Field { return &config.readers.threads; },
        .help = "reads of the store at a time",
        .type_name = "N",
        .min = 1,
        .max = 256},
    Key{.name = "max_waiting_reads",
        .field = [](Config& config) -> Field { return &config.readers.waiting_max; },
        .help = "reads that wait for a reader thread; beyond it they are answered 503",
        .type_name = "N",
        .min = 1,
        .max = 1'000'000},
    Key{.name = "store_cache_bytes",
        .field = [](Config& config) -> Field { return &config.store.cache_bytes; },
        .help = "rocksdb: blocks, filters and indexes kept in memory for reads",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .min = mib,
        .max = 1024 * gib},
    Key{.name = "store_write_buffer_bytes",
        .field = [](Config& config) -> Field { return &config.store.write_buffer_bytes; },
        .help = "rocksdb: newest rows of one table before they are written out sorted",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .min = mib,
        .max = 64 * gib},
    Key{.name = "max_store_wal_bytes",
        .field = [](Config& config) -> Field { return &config.store.wal_bytes_max; },
        .help = "rocksdb: log that is replayed at most when it starts after a crash",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .min = mib,
        .max = 64 * gib},
    Key{.name = "max_store_pending_counts_bytes",
        .field = [](Config& config) -> Field { return &config.store.pending_counts_bytes_max; },
        .help = "rocksdb: additions to counts in memory before they begin to reach their rows; "
                "twice as many at most",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .min = mib,
        .max = 4 * gib},
    Key{.name = "max_store_columns_bytes",
        .field = [](Config& config) -> Field { return &config.store.columns_bytes_max; },
        .help = "rocksdb, memory: large inboxes kept in columns for filters, searches and deep "
                "pages; 0: none",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .min = 0,
        .max = 1024 * gib},
    Key{.name = "max_memory_store_bytes",
        .field = [](Config& config) -> Field { return &config.store.memory_bytes_max; },
        .help = "memory: history that is kept; beyond it the oldest events leave",
        .type_name = "BYTES",
        .unit = Unit::bytes,
        .min = mib,
        .max = 1024 * gib},
};

// Levenshtein's distance, one row at a time.
std::size_t edit_distance(string_view left, string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t replaced = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::span<const Key> config_keys() {
  static const auto all = [] {
    std::vector<Key> joined{keys.begin(), keys.end()};
    for (const auto more : {retention_keys(), admission_keys()})
      joined.insert(joined.end(), more.begin(), more.end());
    return joined;
  }();
  return all;
}

const Key* find_key(string_view name) {
  const auto all = config_keys();
  const auto found = std::ranges::find(all, name, &Key::name);
  return found == all.end() ? nullptr : &*found;
}

string_view nearest_key(string_view name) {
  const auto distance = [name](const Key& key) { return edit_distance(name, key.name); };
  const auto nearest = std::ranges::min_element(config_keys(), {}, distance);
  // Further than a third of its letters is another word, not a typing error.
  return edit_distance(name, nearest->name) * 3 <= nearest->name.size() ? nearest->name
                                                                        : string_view{};
}

std::string flag_of(const Key& key) {
  std::string flag = "--" + std::string{key.name};
  std::ranges::replace(flag, '_', '-');
  return flag;
}

std::string environment_of(const Key& key) {
  std::string name = "CARILLON_" + std::string{key.name};
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return name;
}

}  // namespace carillon::carillond
