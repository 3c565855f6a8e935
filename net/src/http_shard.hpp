#pragma once

#include "carillon/engine/acknowledgement.hpp"
#include "carillon/engine/event_parser.hpp"
#include "net/src/http_counters.hpp"
#include "net/src/net_context.hpp"
#include "net/src/refused_connections.hpp"
#include "net/src/response.hpp"
#include "net/src/spare_memory.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace carillon::net {

class HttpConnection;

/// Names one request in flight from any thread, without keeping anything alive.
struct Ticket {
  std::uint32_t connection = 0;  ///< index in the shard's table
  std::uint32_t generation = 0;  ///< of that index; a reused one does not match
  std::uint32_t slot = 0;

  [[nodiscard]] std::uint64_t to_token() const noexcept;
  [[nodiscard]] static Ticket from_token(std::uint64_t token) noexcept;
};

/// The HTTP connections of one shard, and where their answers come in.
///
/// Role      One per shard.
/// Threads   on_acks(), finish(), close_inlet(): any thread. The rest: the shard's.
/// Order     None between tickets; a connection sends its answers in the order of
///           its requests.
/// Bound     What came in and was not taken yet: at most one entry per event, change or
///           read in flight of this shard's connections.
/// Progress  on_acks() and finish() hold the shard's mutex for a few moves; they post to
///           the shard once per batch, not once per answer.
/// Lifetime  Shared by the readers' callbacks of the store, which hold it weakly.
///           After close_inlet() the shard's loop is not touched any more.
class HttpShard final : public engine::AckSink, public std::enable_shared_from_this<HttpShard> {
 public:
  HttpShard(NetContext& net, engine::ShardIndex index);
  ~HttpShard() override;
  HttpShard(const HttpShard&) = delete;
  HttpShard& operator=(const HttpShard&) = delete;

  /// Starts the sweep of deadlines. Before the shard's thread runs.
  void start();
  /// Takes an accepted socket that is on this shard's context, if it is admitted.
  void adopt(tcp::socket socket);
  /// Closes idle connections now and the others as soon as they have their
  /// answers; `done` runs when none is left.
  void drain(std::function<void()> done);
  /// After the shard's thread has stopped: closes what is left.
  void abandon();

  // NOLINTNEXTLINE(bugprone-exception-escape): without memory for an answer the process ends
  void on_acks(std::span<engine::Ack> acks) noexcept override;
  void finish(Ticket ticket, Response response);
  void close_inlet();

  // For its connections and their handlers.
  [[nodiscard]] NetContext& net() noexcept { return net_; }
  [[nodiscard]] engine::ShardIndex index() const noexcept { return index_; }
  [[nodiscard]] asio::io_context& context() noexcept { return context_; }
  [[nodiscard]] engine::EventParser& event_parser() noexcept { return event_parser_; }
  [[nodiscard]] HttpCounters& counters() noexcept { return counters_; }
  [[nodiscard]] const HttpCounters& counters() const noexcept { return counters_; }
  /// Bytes just read, until the next read of any connection of this shard.
  [[nodiscard]] std::span<char> read_scratch() noexcept { return read_scratch_; }
  /// Of its connections, which hold none while they are idle.
  [[nodiscard]] SpareMemory& spare() noexcept { return spare_; }
  [[nodiscard]] std::string& header_scratch() noexcept { return header_scratch_; }
  /// Server and Date header lines.
  [[nodiscard]] const std::string& common_headers() const noexcept { return common_headers_; }
  [[nodiscard]] bool draining() const noexcept { return draining_; }
  /// Coarse clock of all deadlines: one tick is tick_length().
  [[nodiscard]] std::uint64_t tick() const noexcept { return tick_; }
  [[nodiscard]] std::uint64_t ticks_of(std::chrono::milliseconds time) const noexcept;
  void remove(std::uint32_t connection, HttpEnd reason);
  void log(engine::LogLevel level, std::string_view message) const;

 private:
  struct Entry {
    std::shared_ptr<HttpConnection> connection;
    std::uint32_t generation = 0;
  };

  /// Any thread: has `append` fill the inlet, then the shard take from it.
  template <class Append>
  void bring_in(Append append);
  void take_incoming();
  void wait_for_tick();
  void on_tick();
  void refresh_common_headers();
  void report_if_drained();
  [[nodiscard]] HttpConnection* find(Ticket ticket) noexcept;
  void touch(HttpConnection& connection);

  // Set once.
  NetContext& net_;
  const engine::ShardIndex index_;
  asio::io_context& context_;
  const std::chrono::milliseconds tick_length_;

  // The shard's thread.
  engine::EventParser event_parser_;
  asio::steady_timer timer_;
  std::vector<Entry> connections_;
  std::vector<std::uint32_t> free_;
  RefusedConnections refused_;
  std::vector<std::shared_ptr<HttpConnection>> touched_;
  std::vector<engine::Ack> acks_taken_;
  std::vector<std::pair<Ticket, Response>> responses_taken_;
  std::vector<char> read_scratch_;
  SpareMemory spare_;
  std::string header_scratch_;
  std::string common_headers_;
  std::int64_t common_second_ = 0;
  std::uint64_t tick_ = 1;  // 0 is "never" to the connections
  HttpCounters counters_;
  bool draining_ = false;
  std::function<void()> on_drained_;

  // Held by whoever brings something, until it has posted: closing waits for that. Taking
  // does not, because the post wakes the shard, which would only wait for its waker.
  std::mutex entrance_mutex_;
  bool inlet_closed_ = false;

  // Any thread, under this mutex.
  std::mutex inlet_mutex_;
  std::vector<engine::Ack> acks_in_;
  std::vector<std::pair<Ticket, Response>> responses_in_;
  bool take_posted_ = false;
};

}  // namespace carillon::net
