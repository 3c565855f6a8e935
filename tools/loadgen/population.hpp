#pragma once

#include "tools/loadgen/options.hpp"
#include "tools/loadgen/publisher.hpp"

#include <boost/asio/ip/address.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace carillon::loadgen {

/// Who subscribes and who publishes for whom: users are 0, 1, 2, …; with at least
/// as many users as publishing connections each connection has users of its own,
/// otherwise several connections share a user.
class Population {
 public:
  Population(const Options& options, std::uint32_t run);

  [[nodiscard]] std::uint32_t run() const { return run_; }
  [[nodiscard]] std::uint32_t receivers() const { return receivers_; }
  [[nodiscard]] std::uint32_t user_of_receiver(std::uint32_t receiver) const {
    return receiver % users_;
  }
  [[nodiscard]] const std::string& user_id(std::uint32_t user) const { return ids_[user]; }

  [[nodiscard]] std::uint32_t streams_per_user() const {
    return users_ >= connections_ ? 1 : (connections_ + users_ - 1) / users_;
  }
  [[nodiscard]] std::vector<Stream> streams_of(std::uint32_t connection) const;
  [[nodiscard]] std::uint32_t connection_of(std::uint32_t user, std::uint32_t stream) const {
    return users_ >= connections_ ? user % connections_ : user + stream * users_;
  }

  /// The address that a receiver comes from; nullopt: the system's choice.
  [[nodiscard]] std::optional<boost::asio::ip::address> local_address(std::uint32_t receiver) const;

 private:
  std::uint32_t run_;
  std::uint32_t users_;
  std::uint32_t connections_;
  std::uint32_t receivers_;
  std::uint32_t local_addresses_;
  std::vector<std::string> ids_;
};

}  // namespace carillon::loadgen
