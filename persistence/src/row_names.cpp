#include "persistence/src/row_names.hpp"

#include "persistence/src/keys.hpp"
#include "persistence/src/meta_rows.hpp"

#include <algorithm>
#include <cstring>

namespace carillon::persistence {
namespace {

engine::Uuid uuid_at(std::string_view key, std::size_t at) {
  engine::Uuid uuid;
  std::memcpy(uuid.bytes.data(), key.data() + at, uuid.bytes.size());
  return uuid;
}

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text += digits[static_cast<unsigned char>(byte) >> 4U];
    text += digits[static_cast<unsigned char>(byte) & 15U];
  }
  return text;
}

std::string sequence_name(const char* what, std::string_view key) {
  return what + owner_name(key.substr(0, prefix_bytes)) + ", sequence " +
         std::to_string(sequence_of(key));
}

/// A key of additions: with its numbers.
std::string meta_name(std::string_view key) {
  const auto numbers = key.substr(std::min(key.size(), meta_additions.size()));
  if (!key.starts_with(meta_additions) || numbers.size() != 16) return "meta " + std::string{key};
  return "additions to counts, generation " + std::to_string(get_fixed<8>(numbers.data())) +
         ", write " + std::to_string(get_fixed<8>(numbers.data() + 8));
}

}  // namespace

std::string kind_name(std::string_view user, std::string_view kind) {
  std::string words{kind};
  std::replace(words.begin(), words.end(), '\0', '/');
  return "kind " + words + " of " + owner_name(user);
}

std::string owner_name(std::string_view user) {
  const auto uuid = uuid_at(user, 0);
  return uuid.is_nil() ? "the broadcasts" : "user " + to_string(uuid);
}

std::string row_name(Table table, std::string_view key) {
  switch (table) {
    case Table::meta:
      return meta_name(key);
    case Table::events:
      if (key.size() == prefix_bytes + 8) return sequence_name("event of ", key);
      break;
    case Table::state:
      if (key.size() == prefix_bytes + 8) return sequence_name("state of ", key);
      break;
    case Table::ids:
      if (key.size() == 2 * prefix_bytes)
        return "id " + to_string(uuid_at(key, 0)) + " of " + owner_name(key.substr(prefix_bytes));
      break;
    case Table::counts:
      if (key.size() >= prefix_bytes) return "counts of " + owner_name(key);
      break;
    case Table::kinds:
      if (key.size() > prefix_bytes)
        return kind_name(key.substr(0, prefix_bytes), key.substr(prefix_bytes));
      if (key.size() == prefix_bytes) return "kinds of " + owner_name(key);
      break;
  }
  return "a row with the impossible key " + hexadecimal(key);
}

}  // namespace carillon::persistence
