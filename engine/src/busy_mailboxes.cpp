#include "engine/src/busy_mailboxes.hpp"

namespace carillon::engine::detail {

void BusyMailboxes::add(Mailbox& mailbox, const MailboxTable& mailboxes) {
  if (busy_.size() == busy_max) {
    oldest_ = (oldest_ + 1) % busy_max;
    if (!retire(*busy_[oldest_])) return;
  }
  mailbox.local.busy_index = static_cast<std::uint16_t>(busy_.size());
  mailbox.local.nodes_counted = 0;
  busy_.push_back(&mailbox);
  directory_.insert(mailbox, hash_uuid(mailbox.user()), mailboxes);
}

bool BusyMailboxes::retire(Mailbox& mailbox) noexcept {
  const auto generation = mailbox.generation();
  if (!mailbox.close()) return false;
  directory_.erase(mailbox, generation, hash_uuid(mailbox.user()));
  auto& local = mailbox.local;
  busy_.back()->local.busy_index = local.busy_index;
  busy_[local.busy_index] = busy_.back();
  busy_.pop_back();
  local.busy_index = Mailbox::Local::not_busy;
  local.nodes_counted = 0;
  return true;
}

}  // namespace carillon::engine::detail
