#pragma once

#include "carillon/engine/filter.hpp"
#include "carillon/engine/ids.hpp"
#include "carillon/engine/sink.hpp"
#include "engine/src/mailbox.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

namespace carillon::engine::detail {

class Shard;

/// One subscription, shared by its handle and its shard.
///
/// Role      One per subscribe call. Is its own join and resume command, one after the
///           other, and carries its leave command, so that cancelling and resuming
///           never allocate. Nodes are aligned to a cache line and leave a third of
///           it: what a subscription is lies in that.
/// Threads   cancel, resume, add_reference, drop_reference: any thread. The rest is
///           set before the join is routed, then the shard's.
/// Lifetime  Counted: the handle, the queued join (then the mailbox's list), the
///           queued leave and the queued resume hold one reference each.
/// Invariant cancel() routes the leave command at most once, `cancelled_` decides.
///           As a join or resume command it is queued at most once at a time: from the
///           start, or the S4 that found `queued` clear, until the shard's S5. Who is
///           asked to resume while it is queued as a join is queued again by S5.
class SubscriptionState final : public Node {
 public:
  struct Leave final : Node {
    explicit Leave(SubscriptionState& owner) noexcept : Node{Kind::leave}, state{owner} {}
    SubscriptionState& state;
  };

  /// `guest_at`: the shard that delivers, if it is not the user's.
  SubscriptionState(Shard& home,
                    const UserId& of_user,
                    std::shared_ptr<Sink> to,
                    Filter which,
                    Shard* guest_at = nullptr)
      : Node{Kind::join},
        shard{home},
        guest_shard{guest_at},
        sink{std::move(to)},
        filter{which.matches_everything() ? nullptr
                                          : std::make_unique<const Filter>(std::move(which))},
        user{of_user},
        leave_{*this} {}
  SubscriptionState(const SubscriptionState&) = delete;
  SubscriptionState& operator=(const SubscriptionState&) = delete;

  /// Whose join, leave or resume command this node is.
  [[nodiscard]] static SubscriptionState& of(Node& command) noexcept {
    return command.kind == Kind::leave ? static_cast<Leave&>(command).state
                                       : static_cast<SubscriptionState&>(command);
  }
  [[nodiscard]] static const SubscriptionState& of(const Node& command) noexcept {
    return command.kind == Kind::leave ? static_cast<const Leave&>(command).state
                                       : static_cast<const SubscriptionState&>(command);
  }

  void cancel() noexcept;
  void resume() noexcept;
  /// The shard: the join command is out of the queue. Queues the resume command if that
  /// was asked for meanwhile.
  void take_join() noexcept;
  /// The shard: the resume command is out of the queue and may be queued again.
  void take_resume() noexcept;

  void add_reference() noexcept {
    references_.fetch_add(1, std::memory_order_relaxed);  // S1 relaxed: as E1 in event.hpp
  }
  void drop_reference() noexcept {
    // S2 acq_rel: as E2 in event.cpp.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 private:
  ~SubscriptionState() = default;

  static constexpr std::uint8_t queued = 1;        // as a join or resume command
  static constexpr std::uint8_t resume_asked = 2;  // and not begun yet

  // Behind the node, in its line.
  std::atomic<bool> cancelled_{false};
  std::atomic<std::uint8_t> command_{queued};
  std::atomic<std::uint32_t> references_{2};  // the handle and the join

 public:
  // Set once:
  Shard& shard;              // the user's: where commands go
  Shard* const guest_shard;  // the one that delivers; null: the user's

  // What a delivery needs, in one line. The delivering shard's own:
  std::shared_ptr<Sink> sink;                  // reset after on_end
  const std::unique_ptr<const Filter> filter;  // null: everything; set once
  std::uint32_t index = 0;                     // in the mailbox's or the guests' list
  // The user's shard's own:
  bool left = false;
  Mailbox* mailbox = nullptr;  // null before the join and after the leave
  // Set once:
  const UserId user;

 private:
  Leave leave_;
};
static_assert(sizeof(SubscriptionState) == 3 * alignof(Node),
              "what fits behind a node is not behind it: idle subscriptions grow by a line");

}  // namespace carillon::engine::detail
