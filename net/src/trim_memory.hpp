#pragma once

#include <cstddef>

namespace carillon::net {

/// Has a text or vector give back what it holds beyond twice its content and 1 KiB. So a
/// bound on content bounds memory, and one that grows piece by piece is never copied for it.
template <class Container>
void trim_memory(Container& container) {
  constexpr std::size_t slack_bytes = 1024;
  constexpr std::size_t element_bytes = sizeof(typename Container::value_type);
  if (container.capacity() * element_bytes > 2 * container.size() * element_bytes + slack_bytes)
    container.shrink_to_fit();
}

}  // namespace carillon::net
