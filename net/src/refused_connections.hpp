#pragma once

#include "net/src/asio.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace carillon::net {

/// Connections that were told why they are refused, until their clients know.
///
/// Role      One per HttpShard. A socket closed with the client's request unread
///           would be reset, and the client could lose the answer.
/// Threads   The shard's only.
/// Bound     `lingering_max` descriptors; beyond it a refused one is closed at once.
class RefusedConnections {
 public:
  static constexpr std::size_t lingering_max = 64;

  /// Sends the answer (it fits into the buffer of a new connection), ends our
  /// direction, and waits for the end of the client's.
  void refuse(tcp::socket socket, std::string_view answer, std::uint64_t tick);
  /// Closes those that are older than `ticks`.
  void sweep(std::uint64_t now, std::uint64_t ticks);
  void close_all();

 private:
  struct Refused : std::enable_shared_from_this<Refused> {
    Refused(tcp::socket refused, std::uint64_t tick) : socket{std::move(refused)}, since{tick} {}
    void discard();
    void close();

    tcp::socket socket;
    std::uint64_t since;
    std::size_t discarded_bytes = 0;
  };

  std::vector<std::shared_ptr<Refused>> lingering_;
};

}  // namespace carillon::net
