#include "persistence/src/addition_rows.hpp"

#include "persistence/src/coding.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/meta_rows.hpp"

#include <algorithm>
#include <cstring>

namespace carillon::persistence {
namespace {

using engine::Result;
using engine::UserId;

Result<Folded> read_folded(const Rows& rows, const OnDamagedAdditions& on_damage) {
  std::string value;
  const auto there = rows.get(Table::meta, meta_folded, value);
  if (!there) return there.error();
  Folded folded;
  if (!*there) return folded;
  if (value.size() != 8 && value.size() != 8 + prefix_bytes) {
    if (auto go_on = on_damage(meta_folded, "can't be read"); !go_on) return go_on.error();
    return folded;
  }
  folded.generation = get_fixed<8>(value.data());
  if (value.size() == 8) return folded;
  folded.user.emplace();
  std::memcpy(folded.user->bytes.data(), value.data() + 8, prefix_bytes);
  return folded;
}

}  // namespace

std::string additions_key(std::uint64_t generation, std::uint64_t write) {
  std::string key{meta_additions};
  put_fixed<8>(key, generation);
  put_fixed<8>(key, write);
  return key;
}

std::string encode_folded(const Folded& folded) {
  std::string value;
  put_fixed<8>(value, folded.generation);
  if (folded.user) value += bytes_of(*folded.user);
  return value;
}

Result<StoredAdditions> read_additions(const Rows& rows, const OnDamagedAdditions& on_damage) {
  const auto folded = read_folded(rows, on_damage);
  if (!folded) return folded.error();
  StoredAdditions found{.folded = *folded, .first = std::make_shared<CounterGeneration>()};
  const auto range = rows.range(Table::meta, meta_additions, meta_additions, Direction::ascending);
  for (; range->valid(); range->next()) {
    const auto key = range->key();
    const auto numbers = key.substr(meta_additions.size());
    const auto generation = numbers.size() == 16 ? get_fixed<8>(numbers.data()) : 0;
    if (numbers.size() != 16 || generation < folded->generation ||
        generation > folded->generation + 1) {
      if (auto go_on = on_damage(key, "belongs to no generation"); !go_on) return go_on.error();
      continue;
    }
    if (generation != folded->generation && !found.second)
      found.second = std::make_shared<CounterGeneration>();
    const auto write = get_fixed<8>(numbers.data() + 8);
    found.last_write = std::max(found.last_write, write);
    // Nobody reads yet, so all of a user can be summed up.
    if (!(found.second ? found.second : found.first)->apply(write, write, range->value()))
      if (auto go_on = on_damage(key, "can't be read"); !go_on) return go_on.error();
  }
  if (auto read = range->outcome(); !read) return read.error();
  return found;
}

}  // namespace carillon::persistence
