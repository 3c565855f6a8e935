#pragma once

#include "carillon/engine/event.hpp"
#include "carillon/engine/ids.hpp"
#include "carillon/engine/result.hpp"

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace carillon::engine::detail {

/// A publisher's own id within its owner's inbox.
struct ClaimKey {
  UserId owner;
  EventId id;
  friend bool operator==(const ClaimKey&, const ClaimKey&) = default;
};

/// One publisher's id on its way: looked up in the store, then sequenced, then
/// committed. It is its own "lookup is done" command to the shard.
struct Claim final : Node {
  explicit Claim(const ClaimKey& of) noexcept : Node{Kind::lookup_done}, key{of} {}

  const ClaimKey key;
  Event* event = nullptr;       // the first with this id, until it is sequenced
  EventRef sequenced;           // then this
  std::vector<Event*> waiters;  // later ones with the same id
  Result<std::optional<std::string>> found = Errc::unavailable;  // the lookup's answer
};

/// Which publishers' ids are between arrival and commit.
///
/// Role      One per shard: makes a second publish of an id a duplicate although
///           the first is not in the store yet.
/// Threads   The shard's.
/// Bound     One claim per event in flight with an id of its own; those are
///           bounded by the shard's credit.
/// Invariant A claim is made before its lookup starts and dropped after its event
///           is committed. So of two publishes of one id, the second either finds
///           the claim or looks up after the commit, and the store has it.
class Claims {
 public:
  Claims() = default;
  ~Claims();
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;

  /// The claim for this event's id: `fresh` if it was made by this call.
  struct Taken {
    Claim& claim;
    bool fresh;
  };
  [[nodiscard]] Taken take(Event& event);
  [[nodiscard]] Claim* find(const ClaimKey& key) noexcept;
  void drop(const ClaimKey& key) noexcept { claims_.erase(key); }
  /// All who wait for another's commit; the caller owns them.
  [[nodiscard]] std::vector<Event*> take_waiters();

 private:
  struct Hash {
    std::size_t operator()(const ClaimKey& key) const noexcept {
      return hash_uuid(key.owner) ^ (hash_uuid(key.id) * 0x9E3779B97F4A7C15ULL);
    }
  };
  std::unordered_map<ClaimKey, std::unique_ptr<Claim>, Hash> claims_;
};

}  // namespace carillon::engine::detail
