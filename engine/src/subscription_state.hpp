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
/// Role      One per subscribe call. Carries its own join, leave and resume
///           commands, so that cancelling and resuming never allocate.
/// Threads   cancel, resume, add_reference, drop_reference: any thread. The rest is
///           set before the join is routed, then the shard's.
/// Lifetime  Counted: the handle, the queued join (then the mailbox's list), the
///           queued leave and the queued resume hold one reference each.
/// Invariant cancel() routes the leave command at most once, `cancelled_` decides.
///           The resume command is queued at most once at a time: from the S4 that
///           found `resuming_` clear until the shard's S5.
class SubscriptionState {
 public:
  struct Command final : Node {
    Command(Kind command, SubscriptionState& owner) noexcept : Node{command}, state{&owner} {}
    SubscriptionState* state;
  };

  /// `guest_at`: the shard that delivers, if it is not the user's.
  SubscriptionState(Shard& home,
                    const UserId& of_user,
                    std::shared_ptr<Sink> to,
                    Filter which,
                    Shard* guest_at = nullptr)
      : sink{std::move(to)},
        filter{which.matches_everything() ? nullptr
                                          : std::make_unique<const Filter>(std::move(which))},
        shard{home},
        guest_shard{guest_at},
        user{of_user},
        join{Node::Kind::join, *this},
        leave{Node::Kind::leave, *this},
        resume_command{Node::Kind::resume, *this} {}
  SubscriptionState(const SubscriptionState&) = delete;
  SubscriptionState& operator=(const SubscriptionState&) = delete;

  void cancel() noexcept;
  void resume() noexcept;
  /// The shard: the resume command is out of the queue and may be queued again.
  void take_resume() noexcept;

  void add_reference() noexcept {
    references_.fetch_add(1, std::memory_order_relaxed);  // S1 relaxed: as E1 in event.hpp
  }
  void drop_reference() noexcept {
    // S2 acq_rel: as E2 in event.cpp.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  // What a delivery needs comes first, in one line. The delivering shard's own:
  std::shared_ptr<Sink> sink;                  // reset after on_end
  const std::unique_ptr<const Filter> filter;  // null: everything; set once
  std::uint32_t index = 0;                     // in the mailbox's or the guests' list
  // The user's shard's own:
  bool left = false;
  Mailbox* mailbox = nullptr;  // null before the join and after the leave
  // Set once:
  Shard& shard;              // the user's: where commands go
  Shard* const guest_shard;  // the one that delivers; null: the user's
  const UserId user;

  Command join;
  Command leave;
  Command resume_command;

 private:
  ~SubscriptionState() = default;

  std::atomic<std::uint32_t> references_{2};  // the handle and the join
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> resuming_{false};
};

}  // namespace carillon::engine::detail
