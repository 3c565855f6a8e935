#include "engine/src/claims.hpp"

#include "engine/src/event_access.hpp"

namespace carillon::engine::detail {

Claims::~Claims() {
  for (auto& [key, claim] : claims_) {
    if (claim->event != nullptr) EventAccess::release(claim->event, 1);
    for (auto* waiter : claim->waiters)
      EventAccess::release(waiter, 1);
  }
}

Claims::Taken Claims::take(Event& event) {
  const ClaimKey key{.owner = event.owner(), .id = event.id()};
  auto& claim = claims_[key];
  if (claim != nullptr) {
    claim->waiters.push_back(&event);
    return {*claim, false};
  }
  claim = std::make_unique<Claim>(key);
  claim->event = &event;
  return {*claim, true};
}

std::vector<Event*> Claims::take_waiters() {
  std::vector<Event*> waiters;
  for (auto& [key, claim] : claims_) {
    waiters.insert(waiters.end(), claim->waiters.begin(), claim->waiters.end());
    claim->waiters.clear();
  }
  return waiters;
}

Claim* Claims::find(const ClaimKey& key) noexcept {
  const auto found = claims_.find(key);
  return found == claims_.end() ? nullptr : found->second.get();
}

}  // namespace carillon::engine::detail
