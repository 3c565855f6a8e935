#pragma once

#include "carillon/engine/ids.hpp"
#include "engine/src/huge_memory.hpp"
#include "engine/src/mailbox.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace carillon::engine::detail {

/// UUID → mailbox, for the subscribed users of one shard.
///
/// Role      One per shard. Open addressing with linear probing; a slot is one
///           word: mailbox index, its generation, and ten bits of the hash.
/// Threads   find(): any thread. insert, erase: the shard's.
/// Order     An insert is seen by every find that starts after it; an entry
///           present during the whole of a find is never missed.
/// Bound     Twice as many slots as users at most, 8 bytes each; tables that a
///           rebuild replaced are kept for reuse (all together less than 4 times
///           the current one).
/// Progress  find is wait-free but for a retry when a rebuild happened at the same
///           time. insert allocates when the table grows.
/// Lifetime  Tables live as long as the directory, so a reader may linger in an
///           old one; entries that it finds there are stale at worst, and the
///           mailbox's generation tells.
///
/// Invariant: entries never move within a table, and a slot never becomes empty
///   again while the table is current; so a probe that reaches an empty slot has
///   passed every place where the entry can be. A table is changed in place of
///   readers only after `version_` moved on (D3), so a reader that may have
///   missed an entry for it sees the new version and looks again.
class Directory {
 public:
  Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  /// What the caller will do with the mailbox that it finds.
  enum class For : std::uint8_t { reading, pushing };

  /// Any thread. A null mailbox if the user has none.
  [[nodiscard]] MailboxRef find(const UserId& user,
                                std::uint64_t hash,
                                const MailboxTable& mailboxes,
                                For purpose = For::reading) const noexcept;

  /// The shard, some time before it looks a user up: fetches the slot. Always
  /// inlined: GCC drops calls of functions that do nothing but prefetch.
  [[gnu::always_inline]] void prefetch(std::uint64_t hash) const noexcept {
    const auto& table = *current_.load(std::memory_order_relaxed);  // own store
    __builtin_prefetch(&table.slots[hash & table.mask]);
  }
  /// The shard, a little later: whose mailbox that probably is, unread; or null.
  [[nodiscard]] Mailbox* probable(std::uint64_t hash, const MailboxTable& mailboxes) const noexcept;

  /// The shard. The mailbox is open; its user is not in the directory.
  void insert(const Mailbox& mailbox, std::uint64_t hash, const MailboxTable& mailboxes);
  /// The shard. The mailbox's entry, if it is still of `generation`.
  void erase(const Mailbox& mailbox, Generation generation, std::uint64_t hash) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return live_; }

 private:
  using Slot = std::atomic<std::uint64_t>;
  struct Table {
    explicit Table(std::size_t count)
        : mask{count - 1},
          slots{static_cast<Slot*>(allocate_huge(count * sizeof(Slot))),
                {.bytes = count * sizeof(Slot)}} {
      std::uninitialized_value_construct_n(slots.get(), count);
    }
    const std::size_t mask;
    const std::unique_ptr<Slot[], FreeHuge> slots;
  };

  [[nodiscard]] Table& spare_table(std::size_t slots);
  void rebuild(std::size_t slots, const MailboxTable& mailboxes);
  static void place(Table& table, std::uint64_t hash, std::uint64_t entry) noexcept;

  std::atomic<Table*> current_{nullptr};
  std::atomic<std::uint64_t> version_{0};
  // The shard's own.
  std::vector<std::unique_ptr<Table>> tables_;
  std::size_t live_ = 0;
  std::size_t used_ = 0;  // live entries and tombstones
};

}  // namespace carillon::engine::detail
