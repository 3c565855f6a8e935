#pragma once

#include "engine/src/mailbox.hpp"

#include <atomic>

namespace carillon::engine::detail {

/// The shard's own queue: nodes of all users but the busy ones.
///
/// Role      One per shard. Linked through the nodes; nothing is allocated.
/// Threads   push: any thread. take_all: the shard's.
/// Order     One order for all producers, that of their pushes: what happened
///           before stays before, also across threads (a subscribe in one
///           thread, then a publish in another).
/// Bound     None of its own: the shard's credit bounds events, commands are
///           bounded by the subscriptions that exist.
/// Progress  push is lock-free (a compare-exchange loop), take_all wait-free.
/// Wake-up   None of its own: push says whether the queue was empty, and then
///           the producer announces it to the shard.
/// Lifetime  Nodes belong to the queue from push to take_all.
///
/// Invariant: if the queue is not empty, the producer of its oldest node has
///   announced it or is about to.
class NodeQueue {
 public:
  /// True if the queue was empty.
  [[nodiscard]] bool push(Node* node) noexcept {
    // N1 relaxed: only the compare-exchange decides.
    auto* head = head_.load(std::memory_order_relaxed);
    std::uint32_t pushes = 0;  // a queue that was empty has no hints
    if (head != nullptr) pushes = recent_.hint(*node, pushes_);
    do {
      node->next = head;
      // N2 release: publishes the node and its link to take_all (N3).
    } while (!head_.compare_exchange_weak(head, node, std::memory_order_release,
                                          std::memory_order_relaxed));
    if (head == nullptr) return true;
    recent_.note(pushes, node, pushes_);
    return false;
  }

  [[nodiscard]] NodeList take_all() noexcept {
    // N3 acquire: pairs with every N2 of the nodes taken (they form one release
    // sequence).
    return NodeList::reversed(head_.exchange(nullptr, std::memory_order_acquire));
  }

 private:
  // Every producer of a user that is not busy writes these: lines of their own.
  alignas(64) std::atomic<Node*> head_{nullptr};
  RecentNodes::Pushes pushes_{0};
  RecentNodes recent_;
};

}  // namespace carillon::engine::detail
