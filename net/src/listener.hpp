#pragma once

#include "carillon/engine/result.hpp"
#include "net/src/accept_exhaustion.hpp"
#include "net/src/asio.hpp"
#include "net/src/net_context.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace carillon::net {

/// Accepts connections and deals them out to the shards in turn.
///
/// Role      One per address that the server listens on, on shard 0's loop.
/// Threads   open(): before the threads run. The rest: shard 0's.
/// Bound     The kernel's backlog. Faster than the accept rate it waits, and leaves
///           the rest there; without free descriptors it answers 503 and waits,
///           instead of spinning (accept_exhaustion.hpp).
/// Lifetime  Kept alive by its pending accept.
class Listener final : public std::enable_shared_from_this<Listener> {
 public:
  explicit Listener(NetContext& net);

  /// Binds and listens; gives the port. The error names the address and the reason.
  [[nodiscard]] engine::Result<std::uint16_t> open(const std::string& host, std::uint16_t port);
  void accept();
  void close();

 private:
  void on_accepted(error_code ec, engine::ShardIndex shard, tcp::socket socket);
  void accept_waiting();
  void wait_and_accept(std::chrono::microseconds pause);

  NetContext& net_;
  tcp::acceptor acceptor_;
  asio::steady_timer timer_;
  AcceptExhaustion exhaustion_;
  engine::ShardIndex next_shard_ = 0;
};

}  // namespace carillon::net
