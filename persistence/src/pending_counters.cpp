#include "persistence/src/pending_counters.hpp"

#include "persistence/src/assert.hpp"
#include "persistence/src/inbox_scan.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/meta_rows.hpp"
#include "persistence/src/rocks_rows.hpp"
#include "persistence/src/user_kinds.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Result;
using engine::UserId;

/// Of the memory: more would take too long to read when the store is opened.
constexpr std::size_t rows_share = 8;

constexpr auto every_write = std::numeric_limits<std::uint64_t>::max();

}  // namespace

void ReadWrites::begin(std::uint64_t write) {
  const std::lock_guard lock{mutex_};
  writes_.insert(write);
}

void ReadWrites::end(std::uint64_t write) {
  const std::lock_guard lock{mutex_};
  writes_.erase(writes_.find(write));
}

std::uint64_t ReadWrites::oldest(std::uint64_t none) const {
  const std::lock_guard lock{mutex_};
  return writes_.empty() ? none : *writes_.begin();
}

CounterView::CounterView(State state, std::shared_ptr<ReadWrites> reads)
    : state_{std::move(state)}, reads_{std::move(reads)} {
  reads_->begin(state_.write);
}

CounterView::~CounterView() {
  reads_->end(state_.write);
}

bool CounterView::frozen_counts(const UserId& user) const noexcept {
  return state_.frozen && (!state_.folded_to || key_before(*state_.folded_to, user));
}

void CounterView::add_counts(const UserId& user, Counters& into) const {
  if (frozen_counts(user)) state_.frozen->add_counts(user, state_.write, into);
  state_.active->add_counts(user, state_.write, into);
}

void CounterView::add_kinds(const UserId& user, KindSums& into) const {
  if (frozen_counts(user)) state_.frozen->add_kinds(user, state_.write, into);
  state_.active->add_kinds(user, state_.write, into);
}

Result<void> PendingCounters::load(const Rows& rows, const OnDamagedAdditions& on_damage) {
  const auto refuse = [](std::string_view key, std::string_view /*what*/) -> Result<void> {
    return damaged("additions to counts", key);
  };
  auto found = read_additions(rows, on_damage ? on_damage : refuse);
  if (!found) return found.error();
  const auto& folded = found->folded;
  const bool two = found->second || folded.user;
  generation_ = folded.generation + (two ? 1 : 0);
  frozen_ = two ? found->first : nullptr;
  active_ = !two            ? found->first
            : found->second ? found->second
                            : std::make_shared<CounterGeneration>();
  folding_ = two ? frozen_->users() : std::vector<UserId>{};
  folded_to_ = folded.user;
  folded_ = 0;
  if (folded_to_)
    folded_ = static_cast<std::size_t>(
        std::upper_bound(folding_.begin(), folding_.end(), *folded_to_, key_before) -
        folding_.begin());
  write_ = found->last_write;
  staged_ = {};
  note_bytes();
  return {};
}

double PendingCounters::fill() const noexcept {
  const auto share = [](std::size_t bytes, std::size_t of) {
    return static_cast<double>(bytes) / static_cast<double>(std::max<std::size_t>(of, 1));
  };
  return std::max(share(active_->bytes(), bytes_max_),
                  share(active_->written_bytes(), bytes_max_ / rows_share));
}

void PendingCounters::prepare(RocksBatch& batch) {
  if (!frozen_ && fill() >= 1) freeze();
  staged_ = {.write = write_ + 1, .additions = batch.take_additions(), .folded = folded_};
  if (!staged_.additions.empty())
    batch.put(Table::meta, additions_key(generation_, staged_.write), staged_.additions);
  if (frozen_) fold(batch);
}

void PendingCounters::freeze() {
  frozen_ = std::exchange(active_, std::make_shared<CounterGeneration>());
  ++generation_;
  folding_ = frozen_->users();
  folded_ = 0;
  folded_to_.reset();
}

// In step with what is added, so that it is done when the active generation is half full.
void PendingCounters::fold(RocksBatch& batch) {
  const auto due = 2 * fill() * static_cast<double>(folding_.size());
  const auto end =
      std::min(std::max(folded_ + 1, static_cast<std::size_t>(std::min(due, double{1U << 31U}))),
               folding_.size());
  for (auto i = folded_; i < end; ++i)
    fold_user(batch, folding_[i]);
  staged_.folded = end;
  const auto frozen = generation_ - 1;
  if (end < folding_.size()) {
    batch.put(Table::meta, meta_folded,
              encode_folded({.generation = frozen, .user = folding_[end - 1]}));
  } else {
    batch.put(Table::meta, meta_folded, encode_folded({.generation = generation_}));
    batch.erase_range(Table::meta, additions_key(frozen, 0), additions_key(generation_, 0));
  }
}

void PendingCounters::fold_user(RocksBatch& batch, const UserId& user) const {
  Counters counters;
  frozen_->add_counts(user, every_write, counters);
  std::string encoded;
  append_counters(encoded, counters);
  batch.merge(Table::counts, bytes_of(user), encoded);

  KindSums kinds;
  frozen_->add_kinds(user, every_write, kinds);
  encoded.clear();
  append_kinds(encoded, kinds);
  if (!encoded.empty()) batch.merge(Table::kinds, bytes_of(user), encoded);
}

void PendingCounters::applied() {
  const auto oldest_read = reads_->oldest(write_);
  const bool sound = active_->apply(staged_.write, oldest_read, staged_.additions);
  CARILLON_STORE_ASSERT(sound, "additions are encoded by this process");
  write_ = staged_.write;
  folded_ = staged_.folded;
  if (frozen_ && folded_ == folding_.size()) {
    frozen_.reset();
    folding_.clear();
    folded_to_.reset();
  } else if (frozen_ && folded_ > 0) {
    folded_to_ = folding_[folded_ - 1];
  }
  note_bytes();
}

void PendingCounters::note_bytes() {
  const std::lock_guard lock{mutex_};
  bytes_ = active_->bytes() + (frozen_ ? frozen_->bytes() : 0);
}

std::vector<UserId> PendingCounters::users() const {
  auto users = active_->users();
  const auto middle = static_cast<std::ptrdiff_t>(users.size());
  users.insert(users.end(), folding_.begin() + static_cast<std::ptrdiff_t>(folded_),
               folding_.end());
  std::inplace_merge(users.begin(), users.begin() + middle, users.end(), key_before);
  users.erase(std::unique(users.begin(), users.end()), users.end());
  return users;
}

std::size_t PendingCounters::bytes() const {
  const std::lock_guard lock{mutex_};
  return bytes_;
}

std::unique_ptr<const CounterView> PendingCounters::view() const {
  return std::make_unique<const CounterView>(
      CounterView::State{
          .active = active_, .frozen = frozen_, .folded_to = folded_to_, .write = write_},
      reads_);
}

}  // namespace carillon::persistence
