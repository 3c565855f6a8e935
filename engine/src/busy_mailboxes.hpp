#pragma once

#include "engine/src/directory.hpp"
#include "engine/src/mailbox.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace carillon::engine::detail {

/// The mailboxes that publishers find: those whose users' events come often. What is
/// published to anybody else takes the shard's own queue.
///
/// A publisher that goes to a mailbox waits for a line that the shard wrote last, and
/// in a server of many users for two that are in no cache. That pays where several
/// events come for each turn of the shard: then they meet each other there, and no
/// other user's. Where one comes now and then, the shard finds the mailbox faster,
/// for many events side by side.
///
/// Role      One per shard.
/// Threads   find: any thread. Everything else: the shard's.
/// Order     A mailbox becomes busy as it would be opened, and ceases to be as it would
///           be closed: only while it is empty, and late pushes are refused. So a
///           user's events keep their order when they change their way (shard.hpp).
/// Bound     busy_max mailboxes, so that their directory stays in each cache.
/// Progress  find is wait-free as Directory's; the rest takes constant time.
/// Lifetime  Within its shard's.
///
/// Invariant: a mailbox that is not busy is empty, and no publisher holds its present
///   generation: it moves on (Mailbox::close) before the mailbox leaves the directory.
class BusyMailboxes {
 public:
  static constexpr std::size_t busy_max = 256;

  BusyMailboxes() { busy_.reserve(busy_max); }

  [[nodiscard]] MailboxRef find(const UserId& user,
                                std::uint64_t hash,
                                const MailboxTable& mailboxes) const noexcept {
    return directory_.find(user, hash, mailboxes, Directory::For::pushing);
  }

  /// A node of this mailbox's user came through the shard's own queue.
  void count_own(Mailbox& mailbox, std::uint32_t turn, const MailboxTable& mailboxes) {
    if (mailbox.local.busy()) return;
    if (mailbox.counted_turn != turn) {
      mailbox.counted_turn = turn;
      mailbox.local.nodes_counted = 0;
    }
    if (++mailbox.local.nodes_counted == nodes_of_busy) add(mailbox, mailboxes);
  }
  /// This busy mailbox was taken, with one node or with more.
  static void count_taken(Mailbox& mailbox, bool several) noexcept {
    auto& quiet = mailbox.local.nodes_counted;
    quiet = several ? std::uint8_t{0} : static_cast<std::uint8_t>(quiet + 1);
  }
  /// Ends it as a busy one if its user has become quiet.
  void retire_if_quiet(Mailbox& mailbox) noexcept {
    if (mailbox.local.busy() && mailbox.local.nodes_counted >= quiet_takes)
      static_cast<void>(retire(mailbox));
  }
  /// False if something is queued in it: then it stays.
  [[nodiscard]] bool retire(Mailbox& mailbox) noexcept;

 private:
  static constexpr std::uint8_t nodes_of_busy = 4;  // in one turn
  static constexpr std::uint8_t quiet_takes = 8;    // of one node each

  void add(Mailbox& mailbox, const MailboxTable& mailboxes);

  Directory directory_;
  // The shard's own.
  std::vector<Mailbox*> busy_;
  std::size_t oldest_ = 0;  // goes round: who makes room next
};

}  // namespace carillon::engine::detail
