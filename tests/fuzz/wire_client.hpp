#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::fuzz {

/// What came back on a connection until its end.
struct Conversation {
  std::string received;
  bool complete = false;  ///< ended in order; after a reset something may be missing
};

/// Connects, sends in pieces of at most `piece` bytes while it reads what comes,
/// ends its sending side, and reads up to the server's end. Aborts if that end
/// does not come.
[[nodiscard]] Conversation converse(std::uint16_t port, std::string_view bytes, std::size_t piece);

}  // namespace carillon::fuzz
