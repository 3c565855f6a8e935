#pragma once

#include "net/src/request.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace carillon::net {

/// Memory of requests and answers that are over, for the next ones of any connection:
/// so an idle connection holds none, and what busy ones use stays in the cache.
///
/// Role      One per HttpShard.
/// Threads   The shard's only.
/// Bound     One request; `texts_max` texts of up to `text_bytes_max`.
class SpareMemory {
 public:
  /// A cleared request.
  [[nodiscard]] Request take_request() noexcept { return std::exchange(request_, Request{}); }
  /// Leaves `request` without memory.
  void keep(Request& request) noexcept {
    // Moved twice: assigned to a text that has memory, a text would take that over.
    Request over{std::move(request)};
    over.clear();
    request_ = std::move(over);
  }

  /// An empty text.
  [[nodiscard]] std::string take_text() noexcept {
    if (texts_.empty()) return {};
    auto text = std::move(texts_.back());
    texts_.pop_back();
    return text;
  }
  /// Leaves `text` empty and without memory.
  void keep(std::string& text) {
    if (text.capacity() == std::string{}.capacity()) return text.clear();
    auto spare = std::exchange(text, {});
    if (texts_.size() == texts_max || spare.capacity() > text_bytes_max) return;
    spare.clear();
    texts_.push_back(std::move(spare));
  }

 private:
  static constexpr std::size_t texts_max = 64;
  static constexpr std::size_t text_bytes_max = std::size_t{64} * 1024;

  Request request_;
  std::vector<std::string> texts_;
};

}  // namespace carillon::net
