#include "tools/loadgen/population.hpp"

#include <boost/asio/ip/address_v4.hpp>
#include <fmt/format.h>

namespace carillon::loadgen {

Population::Population(const Options& options, std::uint32_t run)
    : run_{run},
      users_{options.users},
      connections_{options.connections},
      receivers_{options.users * options.receivers},
      local_addresses_{options.local_addresses} {
  ids_.reserve(users_);
  // UUIDs (version 4 by their form) that no other run has.
  for (std::uint32_t user = 0; user < users_; ++user)
    ids_.push_back(fmt::format("{:08x}-10ad-4000-8000-0000{:08x}", run_, user));
}

std::vector<Stream> Population::streams_of(std::uint32_t connection) const {
  std::vector<Stream> streams;
  if (users_ < connections_) {
    const auto user = connection % users_;
    streams.push_back({.user = user, .index = connection / users_, .user_id = ids_[user]});
  } else {
    for (std::uint32_t user = connection; user < users_; user += connections_)
      streams.push_back({.user = user, .index = 0, .user_id = ids_[user]});
  }
  return streams;
}

std::optional<boost::asio::ip::address> Population::local_address(std::uint32_t receiver) const {
  if (local_addresses_ <= 1) return std::nullopt;
  return boost::asio::ip::address_v4{0x7F000001U + receiver % local_addresses_};
}

}  // namespace carillon::loadgen
