#include "engine/src/overflow_buffer.hpp"

#include "engine/src/assert.hpp"

#include <algorithm>
#include <utility>

namespace carillon::engine::detail {
namespace {

constexpr std::size_t index_entries_min = 16;

/// std::hash of a number is often the number itself; probing needs all bits mixed.
std::uint64_t mix(std::uint64_t hash) noexcept {
  // The finaliser of splitmix64 (Steele, Lea, Flood 2014).
  hash = (hash ^ (hash >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  hash = (hash ^ (hash >> 27U)) * 0x94D049BB133111EBULL;
  return hash ^ (hash >> 31U);
}

}  // namespace

bool OverflowBuffer::put(const Event& event, const Position& at, const Position& before) {
  CARILLON_ASSERT(!popped_ && !end_, "what was taken is used up before it is filled again");
  if (options_->overflow == Overflow::latest) {
    put_latest(event, at, before);
    return true;
  }
  // A gap that has begun goes on until the consumer takes it: one long gap instead
  // of many short ones between the small events that would still fit.
  const bool skipping = newest_ != none && !slots_[newest_].event;
  if (skipping || !fits(bytes_of(event))) {
    if (options_->overflow == Overflow::close) return false;
    skip(at, before);
    return true;
  }
  append({.event = EventRef::share(event), .position = at});
  return true;
}

void OverflowBuffer::put_latest(const Event& event, const Position& at, const Position& before) {
  auto& entry = entry_of(event);
  const bool known = entry.generation == generation_;
  // An older state whose successor finds no room stays: it is the latest that can
  // be delivered, and the gap tells of the successor.
  if (!fits(bytes_of(event), known ? bytes_of(*slots_[entry.slot].event) : 0))
    return skip(at, before);
  std::uint64_t superseded = 0;
  if (known) {
    superseded = slots_[entry.slot].count + 1;
    remove(entry.slot);
  } else {
    ++indexed_;
  }
  const auto number =
      append({.event = EventRef::share(event), .position = at, .count = superseded});
  entry = {.slot = number, .generation = generation_};
}

void OverflowBuffer::skip(const Position& at, const Position& before) {
  if (newest_ == none || slots_[newest_].event) append({.position = at, .from = before});
  auto& gap = slots_[newest_];
  gap.position = at;
  ++gap.count;
}

std::uint32_t OverflowBuffer::append(Slot slot) {
  if (slot.event) bytes_ += bytes_of(*slot.event);
  slot.older = newest_;
  auto number = unused_;
  if (number == none) {
    number = static_cast<std::uint32_t>(slots_.size());
    slots_.push_back(std::move(slot));
  } else {
    unused_ = slots_[number].newer;
    slots_[number] = std::move(slot);
  }
  (newest_ == none ? oldest_ : slots_[newest_].newer) = number;
  newest_ = number;
  return number;
}

void OverflowBuffer::remove(std::uint32_t number) noexcept {
  bytes_ -= bytes_of(*slots_[number].event);
  const auto older = slots_[number].older;
  const auto newer = slots_[number].newer;
  unlink(number);
  // The gaps on its two sides become one: what was between them is not delivered.
  if (older == none || newer == none || slots_[older].event || slots_[newer].event) return;
  slots_[older].position = slots_[newer].position;
  slots_[older].count += slots_[newer].count;
  unlink(newer);
}

void OverflowBuffer::unlink(std::uint32_t number) noexcept {
  auto& slot = slots_[number];
  (slot.older == none ? oldest_ : slots_[slot.older].newer) = slot.newer;
  (slot.newer == none ? newest_ : slots_[slot.newer].older) = slot.older;
  slot = {.newer = unused_};
  unused_ = number;
}

OverflowBuffer::IndexEntry& OverflowBuffer::entry_of(const Event& event) {
  if ((indexed_ + 1) * 2 > index_.size()) grow_index();
  const auto mask = index_.size() - 1;
  auto place = mix(options_->key.hash(event)) & mask;
  while (index_[place].generation == generation_ &&
         !options_->key.same(*slots_[index_[place].slot].event, event))
    place = (place + 1) & mask;
  return index_[place];
}

void OverflowBuffer::grow_index() {
  index_.assign(std::max(index_entries_min, index_.size() * 2), IndexEntry{});
  const auto mask = index_.size() - 1;
  for (auto number = oldest_; number != none; number = slots_[number].newer) {
    if (!slots_[number].event) continue;
    auto place = mix(options_->key.hash(*slots_[number].event)) & mask;
    while (index_[place].generation == generation_)
      place = (place + 1) & mask;
    index_[place] = {.slot = number, .generation = generation_};
  }
}

Received OverflowBuffer::pop() {
  popped_ = true;
  if (oldest_ == none) {
    if (!end_) return {};
    return Received{*std::exchange(end_, std::nullopt)};
  }
  auto& slot = slots_[oldest_];
  oldest_ = slot.newer;
  if (oldest_ == none) newest_ = none;
  if (!slot.event)
    return Received{Gap{.from = slot.from, .to = slot.position, .events = slot.count}};
  bytes_ -= bytes_of(*slot.event);
  return Received{ReceivedEvent{
      .event = std::move(slot.event), .position = slot.position, .superseded = slot.count}};
}

void OverflowBuffer::clear() noexcept {
  slots_.clear();
  oldest_ = newest_ = unused_ = none;
  bytes_ = 0;
  popped_ = false;
  end_.reset();
  indexed_ = 0;
  if (++generation_ != 0) return;
  // The generations came round: no entry may look valid.
  std::fill(index_.begin(), index_.end(), IndexEntry{});
  generation_ = 1;
}

}  // namespace carillon::engine::detail
