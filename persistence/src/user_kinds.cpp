#include "persistence/src/user_kinds.hpp"

#include "persistence/src/coding.hpp"

namespace carillon::persistence {

void append_kind(std::string& out, std::string_view kind, std::int64_t count) {
  put_varint(out, kind.size());
  out += kind;
  put_varint(out, zigzag(count));
}

std::optional<KindCount> take_kind(std::string_view& encoded) noexcept {
  const auto bytes = take_varint(encoded);
  if (!bytes || *bytes > encoded.size()) return std::nullopt;
  KindCount taken{.kind = encoded.substr(0, *bytes)};
  encoded.remove_prefix(*bytes);
  const auto count = take_varint(encoded);
  if (!count) return std::nullopt;
  taken.count = unzigzag(*count);
  return taken;
}

void append_kinds(std::string& out, const KindSums& kinds) {
  for (const auto& [kind, count] : kinds)
    if (count != 0) append_kind(out, kind, count);
}

void add_kind(KindSums& into, std::string_view kind, std::int64_t count) {
  const auto known = into.lower_bound(kind);
  if (known != into.end() && known->first == kind) {
    known->second += count;
  } else {
    into.emplace_hint(known, kind, count);
  }
}

bool add_kinds(KindSums& into, std::string_view row) {
  while (!row.empty()) {
    const auto taken = take_kind(row);
    if (!taken) return false;
    add_kind(into, taken->kind, taken->count);
  }
  return true;
}

bool add_kinds(std::string& out, std::string_view a, std::string_view b) {
  std::optional<KindCount> first;
  std::optional<KindCount> second;
  for (;;) {
    if (!first && !a.empty() && !(first = take_kind(a))) return false;
    if (!second && !b.empty() && !(second = take_kind(b))) return false;
    if (!first && !second) return true;
    const int order = !first ? 1 : !second ? -1 : first->kind.compare(second->kind);
    KindCount next = order <= 0 ? *first : *second;
    if (order == 0) next.count += second->count;
    if (order <= 0) first.reset();
    if (order >= 0) second.reset();
    if (next.count != 0) append_kind(out, next.kind, next.count);
  }
}

}  // namespace carillon::persistence
