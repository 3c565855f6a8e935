#include "persistence/src/counter_generation.hpp"

#include "persistence/src/coding.hpp"
#include "persistence/src/keys.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace carillon::persistence {
namespace {

using engine::UserId;

/// Takes a text with its size in front of it.
std::optional<std::string_view> take_text(std::string_view& in) noexcept {
  const auto bytes = take_varint(in);
  if (!bytes || *bytes > in.size()) return std::nullopt;
  const auto text = in.substr(0, *bytes);
  in.remove_prefix(*bytes);
  return text;
}

}  // namespace

void append_additions(std::string& out,
                      const UserId& user,
                      std::string_view counts,
                      std::string_view kinds) {
  out += bytes_of(user);
  for (const auto part : {counts, kinds}) {
    put_varint(out, part.size());
    out += part;
  }
}

bool CounterGeneration::apply(std::uint64_t write,
                              std::uint64_t oldest_read,
                              std::string_view additions) {
  written_bytes_ += additions.size();
  while (!additions.empty()) {
    UserId id;
    if (additions.size() < id.bytes.size()) return false;
    std::memcpy(id.bytes.data(), additions.data(), id.bytes.size());
    additions.remove_prefix(id.bytes.size());
    const auto counts = take_text(additions);
    const auto kinds = counts ? take_text(additions) : std::nullopt;
    if (!kinds) return false;
    const std::lock_guard lock{mutex_};
    auto& user = user_of(id);
    const auto room = user.additions.capacity();
    if (user.additions.size() >= user.compact_at) compact(user, oldest_read);
    if (!take_counts(user, write, *counts) || !take_kinds(user, write, *kinds)) return false;
    bytes_ += (user.additions.capacity() - room) * sizeof(Addition);
  }
  return true;
}

CounterGeneration::User& CounterGeneration::user_of(const UserId& id) {
  const auto [place, fresh] = places_.try_emplace(id, static_cast<std::uint32_t>(users_.size()));
  if (fresh) {
    users_.emplace_back(&memory_);
    bytes_ += user_bytes;
  }
  return users_[place->second];
}

bool CounterGeneration::take_counts(User& user, std::uint64_t write, std::string_view counts) {
  if (counts.empty()) return true;
  Counters added;
  if (!add_encoded(added, counts)) return false;
  if (added.last != 0)
    user.additions.push_back(
        {.write = write, .what = last_sequence, .amount = static_cast<std::int64_t>(added.last)});
  for (std::size_t lane = 0; lane < Counters::lane_count; ++lane)
    if (added.lanes[lane] != 0)
      user.additions.push_back(
          {.write = write, .what = static_cast<What>(lane), .amount = added.lanes[lane]});
  return true;
}

bool CounterGeneration::take_kinds(User& user, std::uint64_t write, std::string_view kinds) {
  while (!kinds.empty()) {
    const auto added = take_kind(kinds);
    if (!added) return false;
    user.additions.push_back(
        {.write = write, .what = what_of(added->kind), .amount = added->count});
  }
  return true;
}

CounterGeneration::What CounterGeneration::what_of(std::string_view kind) {
  if (const auto known = kinds_.find(kind); known != kinds_.end()) return known->second;
  auto* text = static_cast<char*>(memory_.allocate(kind.size(), 1));
  std::memcpy(text, kind.data(), kind.size());
  const auto what = first_kind + static_cast<What>(kind_texts_.size());
  kind_texts_.emplace_back(text, kind.size());
  kinds_.emplace(kind_texts_.back(), what);
  bytes_ += kind_bytes + kind.size();
  return what;
}

/// Sums up what all readers see.
void CounterGeneration::compact(User& user, std::uint64_t oldest_read) {
  auto& all = user.additions;
  const auto seen = std::partition_point(all.begin(), all.end(), [=](const Addition& addition) {
    return addition.write <= oldest_read;
  });
  std::sort(all.begin(), seen,
            [](const Addition& a, const Addition& b) { return a.what < b.what; });
  auto sum = all.begin();
  for (auto next = sum; next != seen; ++next) {
    if (next == sum) continue;
    if (next->what != sum->what) {
      *++sum = *next;
    } else if (next->what == last_sequence) {
      sum->amount = std::max(sum->amount, next->amount);
    } else {
      sum->amount += next->amount;
    }
  }
  if (sum != seen) ++sum;
  for (auto summed = all.begin(); summed != sum; ++summed)
    summed->write = 0;
  all.erase(sum, seen);
  user.compact_at = std::max<std::size_t>(24, 2 * all.size());
}

template <class Add>
void CounterGeneration::visit(const UserId& user, std::uint64_t write, Add&& add) const {
  const std::lock_guard lock{mutex_};
  const auto place = places_.find(user);
  if (place == places_.end()) return;
  for (const auto& addition : users_[place->second].additions)
    if (addition.write <= write) add(addition.what, addition.amount);
}

void CounterGeneration::add_counts(const UserId& user, std::uint64_t write, Counters& into) const {
  visit(user, write, [&into](What what, std::int64_t amount) {
    if (what == last_sequence) {
      into.last = std::max(into.last, static_cast<engine::Sequence>(amount));
    } else if (what < last_sequence) {
      into.lanes[what] += amount;
    }
  });
}

void CounterGeneration::add_kinds(const UserId& user, std::uint64_t write, KindSums& into) const {
  visit(user, write, [&](What what, std::int64_t amount) {
    if (what >= first_kind) add_kind(into, kind_texts_[what - first_kind], amount);
  });
}

std::vector<UserId> CounterGeneration::users() const {
  std::vector<UserId> users;
  users.reserve(places_.size());
  for (const auto& [id, place] : places_)
    users.push_back(id);
  std::sort(users.begin(), users.end(), key_before);
  return users;
}

}  // namespace carillon::persistence
