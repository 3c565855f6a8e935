#include "persistence/src/pending_counters.hpp"

#include "persistence/src/assert.hpp"
#include "persistence/src/inbox_scan.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/meta_rows.hpp"
#include "persistence/src/rocks_rows.hpp"
#include "persistence/src/user_kinds.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Result;
using engine::UserId;

constexpr auto every_commit = std::numeric_limits<std::uint64_t>::max();

bool before(const UserId& a, const UserId& b) noexcept {
  return bytes_of(a) < bytes_of(b);
}

/// Of the rows of `meta` with additions: prefix, generation, commit.
std::string additions_key(std::uint64_t generation, std::uint64_t commit) {
  std::string key{meta_additions};
  put_fixed<8>(key, generation);
  put_fixed<8>(key, commit);
  return key;
}

std::string folded_value(std::uint64_t generation, const std::optional<UserId>& user) {
  std::string value;
  put_fixed<8>(value, generation);
  if (user) value += bytes_of(*user);
  return value;
}

/// How far the sums have come to their rows: all generations before this one, and of this
/// one all users up to this one.
struct Folded {
  std::uint64_t generation = 0;
  std::optional<UserId> user;
};

Result<Folded> read_folded(const Rows& rows) {
  std::string value;
  const auto there = rows.get(Table::meta, meta_folded, value);
  if (!there) return there.error();
  Folded folded;
  if (!*there) return folded;
  if (value.size() != 8 && value.size() != 8 + prefix_bytes)
    return damaged("a number", meta_folded);
  folded.generation = get_fixed<8>(value.data());
  if (value.size() == 8) return folded;
  folded.user.emplace();
  std::memcpy(folded.user->bytes.data(), value.data() + 8, prefix_bytes);
  return folded;
}

}  // namespace

void ReadCommits::begin(std::uint64_t commit) {
  const std::lock_guard lock{mutex_};
  commits_.insert(commit);
}

void ReadCommits::end(std::uint64_t commit) {
  const std::lock_guard lock{mutex_};
  commits_.erase(commits_.find(commit));
}

std::uint64_t ReadCommits::oldest(std::uint64_t none) const {
  const std::lock_guard lock{mutex_};
  return commits_.empty() ? none : *commits_.begin();
}

CounterView::CounterView(State state, std::shared_ptr<ReadCommits> reads)
    : state_{std::move(state)}, reads_{std::move(reads)} {
  reads_->begin(state_.commit);
}

CounterView::~CounterView() {
  reads_->end(state_.commit);
}

bool CounterView::frozen_counts(const UserId& user) const noexcept {
  return state_.frozen && (!state_.folded_to || before(*state_.folded_to, user));
}

void CounterView::add_counts(const UserId& user, Counters& into) const {
  if (frozen_counts(user)) state_.frozen->add_counts(user, state_.commit, into);
  state_.active->add_counts(user, state_.commit, into);
}

void CounterView::add_kinds(const UserId& user, KindSums& into) const {
  if (frozen_counts(user)) state_.frozen->add_kinds(user, state_.commit, into);
  state_.active->add_kinds(user, state_.commit, into);
}

Result<void> PendingCounters::load(const Rows& rows, std::uint64_t commit) {
  const auto folded = read_folded(rows);
  if (!folded) return folded.error();
  const auto apart = read_number(rows, meta_kinds_apart);
  if (!apart) return apart.error();
  kinds_apart_ = *apart != 0;
  auto first = std::make_shared<CounterGeneration>();
  std::shared_ptr<CounterGeneration> second;
  const auto range = rows.range(Table::meta, meta_additions, meta_additions, Direction::ascending);
  for (; range->valid(); range->next()) {
    const auto numbers = range->key().substr(meta_additions.size());
    if (numbers.size() != 16) return damaged("additions to counts", range->key());
    if (get_fixed<8>(numbers.data()) != folded->generation && !second)
      second = std::make_shared<CounterGeneration>();
    const auto added_by = get_fixed<8>(numbers.data() + 8);
    if (!(second ? second : first)->apply(added_by, added_by, range->value()))
      return damaged("additions to counts", range->key());
  }
  if (!range->outcome()) return range->outcome();

  const bool two = second || folded->user;
  generation_ = folded->generation + (two ? 1 : 0);
  frozen_ = two ? first : nullptr;
  active_ = !two ? first : second ? second : std::make_shared<CounterGeneration>();
  folding_ = two ? first->users() : std::vector<UserId>{};
  folded_to_ = folded->user;
  folded_ = 0;
  if (folded_to_)
    folded_ = static_cast<std::size_t>(
        std::upper_bound(folding_.begin(), folding_.end(), *folded_to_, before) - folding_.begin());
  commit_ = commit;
  staged_ = {};
  return {};
}

void PendingCounters::prepare(RocksBatch& batch, std::uint64_t commit) {
  if (!frozen_ && active_->additions() >= additions_max_) freeze();
  std::size_t added = 0;
  staged_ = {.commit = commit, .additions = batch.take_additions(added), .folded = folded_};
  if (!staged_.additions.empty())
    batch.put(Table::meta, additions_key(generation_, commit), staged_.additions);
  // So that it is done when the active generation is half full.
  if (frozen_)
    fold(batch, 1 + 2 * added * folding_.size() / std::max<std::size_t>(additions_max_, 1));
}

void PendingCounters::freeze() {
  frozen_ = std::exchange(active_, std::make_shared<CounterGeneration>());
  ++generation_;
  folding_ = frozen_->users();
  folded_ = 0;
  folded_to_.reset();
}

void PendingCounters::fold(RocksBatch& batch, std::size_t users) {
  const auto end = std::min(folded_ + users, folding_.size());
  std::string encoded;
  KindSums kinds;
  for (auto i = folded_; i < end; ++i) {
    const auto& user = folding_[i];
    Counters counters;
    frozen_->add_counts(user, every_commit, counters);
    encoded.clear();
    append_counters(encoded, counters);
    batch.merge(Table::counts, bytes_of(user), encoded);

    kinds.clear();
    frozen_->add_kinds(user, every_commit, kinds);
    encoded.clear();
    for (const auto& [kind, count] : kinds)
      if (count != 0) append_kind(encoded, kind, count);
    if (!encoded.empty()) batch.merge(Table::kinds, bytes_of(user), encoded);
  }
  staged_.folded = end;
  const auto frozen = generation_ - 1;
  if (end < folding_.size()) {
    batch.put(Table::meta, meta_folded, folded_value(frozen, folding_[end - 1]));
  } else {
    batch.put(Table::meta, meta_folded, folded_value(generation_, {}));
    batch.erase_range(Table::meta, additions_key(frozen, 0), additions_key(generation_, 0));
  }
}

void PendingCounters::applied() {
  const auto oldest_read = reads_->oldest(commit_);
  const bool sound = active_->apply(staged_.commit, oldest_read, staged_.additions);
  CARILLON_STORE_ASSERT(sound, "additions are encoded by this process");
  commit_ = staged_.commit;
  folded_ = staged_.folded;
  if (!frozen_) return;
  if (folded_ == folding_.size()) {
    frozen_.reset();
    folding_.clear();
    folded_to_.reset();
  } else if (folded_ > 0) {
    folded_to_ = folding_[folded_ - 1];
  }
}

std::unique_ptr<const CounterView> PendingCounters::view() const {
  return std::make_unique<const CounterView>(CounterView::State{.active = active_,
                                                                .frozen = frozen_,
                                                                .folded_to = folded_to_,
                                                                .commit = commit_,
                                                                .kinds_apart = kinds_apart_},
                                             reads_);
}

}  // namespace carillon::persistence
