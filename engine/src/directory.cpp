#include "engine/src/directory.hpp"

#include <algorithm>

namespace carillon::engine::detail {
namespace {

// A slot: index in the low 32 bits, generation above, then ten bits of hash.
// Index 0 is no mailbox: 0 is an empty slot, `tombstone` a deleted entry.
constexpr unsigned index_bits = 32;
constexpr unsigned fragment_shift = index_bits + generation_bits;
constexpr std::uint64_t tombstone = std::uint64_t{1} << index_bits;
constexpr std::size_t slots_min = 16;

std::uint64_t fragment_of(std::uint64_t hash) noexcept {
  return (hash >> 40U) & 0x3FFU;
}

std::uint64_t entry_of(const Mailbox& mailbox, Generation generation, std::uint64_t hash) noexcept {
  return (fragment_of(hash) << fragment_shift) | (std::uint64_t{generation} << index_bits) |
         mailbox.index();
}

std::uint32_t index_of(std::uint64_t entry) noexcept {
  return static_cast<std::uint32_t>(entry);
}

MailboxRef ref_of(std::uint64_t entry, const MailboxTable& mailboxes) noexcept {
  constexpr std::uint64_t generation_mask = (std::uint64_t{1} << generation_bits) - 1;
  return {.mailbox = mailboxes.at(index_of(entry)),
          .generation = static_cast<Generation>((entry >> index_bits) & generation_mask)};
}

}  // namespace

Directory::Directory() {
  tables_.push_back(std::make_unique<Table>(slots_min));
  current_.store(tables_.front().get(), std::memory_order_release);  // D2
}

MailboxRef Directory::find(const UserId& user,
                           std::uint64_t hash,
                           const MailboxTable& mailboxes,
                           For purpose) const noexcept {
  while (true) {
    // D1 acquire: pairs with D3. Read before the table and again after a miss:
    // equal means that no table was cleared for reuse in between.
    const auto version = version_.load(std::memory_order_acquire);
    // D2 acquire: pairs with the release that publishes a filled table.
    const auto& table = *current_.load(std::memory_order_acquire);
    for (std::size_t at = hash & table.mask;; at = (at + 1) & table.mask) {
      // D4 acquire: pairs with the release that stores an entry, so that the
      // mailbox's user is seen; and keeps the second D1 below from moving up.
      const auto entry = table.slots[at].load(std::memory_order_acquire);
      if (entry == 0) break;
      if (entry >> fragment_shift != fragment_of(hash) || index_of(entry) == 0) continue;
      const auto ref = ref_of(entry, mailboxes);
      // One transfer of its line instead of two.
      if (purpose == For::pushing) __builtin_prefetch(ref.mailbox, 1);
      if (ref.mailbox->user() == user) return ref;
    }
    if (version_.load(std::memory_order_acquire) == version) return {};  // D1
  }
}

Mailbox* Directory::probable(std::uint64_t hash, const MailboxTable& mailboxes) const noexcept {
  const auto& table = *current_.load(std::memory_order_relaxed);  // own stores
  for (std::size_t at = hash & table.mask;; at = (at + 1) & table.mask) {
    const auto entry = table.slots[at].load(std::memory_order_relaxed);
    if (entry == 0) return nullptr;
    if (entry >> fragment_shift == fragment_of(hash) && index_of(entry) != 0)
      return mailboxes.at(index_of(entry));
  }
}

void Directory::insert(const Mailbox& mailbox, std::uint64_t hash, const MailboxTable& mailboxes) {
  const auto slots = current_.load(std::memory_order_relaxed)->mask + 1;  // own store
  if ((used_ + 1) * 4 > slots * 3) {
    // Mostly tombstones: the same size again. Else grow.
    rebuild((live_ + 1) * 2 > slots ? slots * 2 : slots, mailboxes);
  }
  auto& table = *current_.load(std::memory_order_relaxed);
  const auto entry = entry_of(mailbox, mailbox.generation(), hash);
  // The user is not in the table, so the first tombstone may be taken.
  for (std::size_t at = hash & table.mask;; at = (at + 1) & table.mask) {
    const auto old = table.slots[at].load(std::memory_order_relaxed);  // own stores
    if (old != 0 && old != tombstone) continue;
    table.slots[at].store(entry, std::memory_order_release);  // D4
    if (old == 0) ++used_;
    ++live_;
    return;
  }
}

void Directory::erase(const Mailbox& mailbox, Generation generation, std::uint64_t hash) noexcept {
  auto& table = *current_.load(std::memory_order_relaxed);  // own store
  const auto entry = entry_of(mailbox, generation, hash);
  for (std::size_t at = hash & table.mask;; at = (at + 1) & table.mask) {
    const auto found = table.slots[at].load(std::memory_order_relaxed);  // own stores
    if (found == 0) return;
    if (found != entry) continue;
    table.slots[at].store(tombstone, std::memory_order_release);  // D4
    --live_;
    return;
  }
}

Directory::Table& Directory::spare_table(std::size_t slots) {
  const auto* current = current_.load(std::memory_order_relaxed);  // own store
  for (auto& table : tables_) {
    if (table.get() == current || table->mask + 1 != slots) continue;
    // A reader may linger here. D4 release: it orders the version's last step
    // (D3) before the clearing, so a reader that sees a cleared slot sees that
    // step too, and looks again.
    for (std::size_t at = 0; at < slots; ++at)
      table->slots[at].store(0, std::memory_order_release);
    return *table;
  }
  tables_.push_back(std::make_unique<Table>(slots));
  return *tables_.back();
}

void Directory::rebuild(std::size_t slots, const MailboxTable& mailboxes) {
  auto& old = *current_.load(std::memory_order_relaxed);  // own store
  auto& table = spare_table(slots);
  for (std::size_t at = 0; at <= old.mask; ++at) {
    const auto entry = old.slots[at].load(std::memory_order_relaxed);
    if (entry == 0 || entry == tombstone) continue;
    place(table, hash_uuid(mailboxes.at(index_of(entry))->user()), entry);
  }
  used_ = live_;
  current_.store(&table, std::memory_order_release);  // D2
  // D3 release: after the new table is current; pairs with D1.
  version_.fetch_add(1, std::memory_order_release);
}

void Directory::place(Table& table, std::uint64_t hash, std::uint64_t entry) noexcept {
  for (std::size_t at = hash & table.mask;; at = (at + 1) & table.mask) {
    if (table.slots[at].load(std::memory_order_relaxed) != 0) continue;
    table.slots[at].store(entry, std::memory_order_release);  // D4
    return;
  }
}

}  // namespace carillon::engine::detail
