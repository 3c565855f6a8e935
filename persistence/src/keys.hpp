#pragma once

#include "carillon/engine/ids.hpp"
#include "persistence/src/coding.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace carillon::persistence {

/// Keys of the tables. All but those of `meta` and `ids` begin with a user, the nil
/// user standing for the broadcasts, so that a user's rows lie together.
inline constexpr std::size_t prefix_bytes = 16;
inline constexpr engine::UserId broadcasts_owner{};

[[nodiscard]] inline std::string_view bytes_of(const engine::Uuid& uuid) noexcept {
  return {reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size()};
}

/// The order of keys that begin with these, by numbers instead of by memcmp. An object, so that
/// std::sort inlines it.
inline constexpr auto key_before = [](const engine::Uuid& a, const engine::Uuid& b) noexcept {
  const auto half = [](const engine::Uuid& uuid, std::size_t offset) {
    return get_fixed<8>(bytes_of(uuid).data() + offset);
  };
  const auto high_a = half(a, 0);
  const auto high_b = half(b, 0);
  return high_a != high_b ? high_a < high_b : half(a, 8) < half(b, 8);
};

/// events, state: user, sequence.
[[nodiscard]] inline std::string sequence_key(const engine::UserId& user,
                                              engine::Sequence sequence) {
  std::string key{bytes_of(user)};
  put_fixed<8>(key, sequence);
  return key;
}
[[nodiscard]] inline engine::Sequence sequence_of(std::string_view key) noexcept {
  return key.size() < prefix_bytes + 8 ? 0 : get_fixed<8>(key.data() + prefix_bytes);
}

/// ids: id, owner. Ids of ours begin with the time, so each commit's rows follow those
/// of the one before: the cheapest place to insert, and files that need no merging.
[[nodiscard]] inline std::string id_key(const engine::UserId& owner, const engine::EventId& id) {
  std::string key{bytes_of(id)};
  key += bytes_of(owner);
  return key;
}

/// kinds: user, category, NUL, action. Both words are snake_case, so NUL parts
/// them, and the keys sort as pairs.
[[nodiscard]] inline std::string kind_key(const engine::UserId& user,
                                          std::string_view category,
                                          std::string_view action) {
  std::string key{bytes_of(user)};
  key += category;
  key += '\0';
  key += action;
  return key;
}

}  // namespace carillon::persistence
