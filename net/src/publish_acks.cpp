#include "net/src/publish_acks.hpp"

#include <iterator>
#include <utility>

namespace carillon::net {

engine::AckRequest PublishAcks::expect(std::weak_ptr<PublishReceiver> receiver, std::string ref) {
  const std::uint64_t token = ++last_token_;
  waiting_.emplace(token, Waiting{std::move(receiver), std::move(ref)});
  const std::lock_guard lock{mutex_};
  if (due_++ == 0) self_ = shared_from_this();
  return {.sink = this, .token = token, .at = engine::AckAt::durability};
}

void PublishAcks::forget(const engine::AckRequest& request) noexcept {
  waiting_.erase(request.token);
  const std::lock_guard lock{mutex_};
  // The caller holds another reference, so that this is not the end of `this`.
  static_cast<void>(settle_locked(1));
}

void PublishAcks::shut() noexcept {
  waiting_.clear();
  std::vector<engine::Ack> dropped;  // their events return to the pool now, not later
  const std::lock_guard entering{entrance_mutex_};
  const std::lock_guard lock{mutex_};
  shut_ = true;
  dropped.swap(arrived_);
}

void PublishAcks::on_acks(std::span<engine::Ack> acks) noexcept {
  std::shared_ptr<PublishAcks> last;  // released behind the locks
  const std::lock_guard entering{entrance_mutex_};
  {
    const std::lock_guard lock{mutex_};
    last = settle_locked(acks.size());
    if (shut_) return;
    const bool wake = arrived_.empty();
    arrived_.insert(arrived_.end(), std::make_move_iterator(acks.begin()),
                    std::make_move_iterator(acks.end()));
    if (!wake) return;
  }
  asio::post(context_, [self = shared_from_this()] { self->deliver(); });
}

void PublishAcks::deliver() {
  {
    const std::lock_guard lock{mutex_};
    delivering_.swap(arrived_);
  }
  for (engine::Ack& ack : delivering_) {
    const auto found = waiting_.find(ack.token);
    if (found == waiting_.end()) continue;
    const Waiting waiting = std::move(found->second);
    waiting_.erase(found);
    if (const auto receiver = waiting.receiver.lock()) receiver->on_ack(waiting.ref, ack);
  }
  delivering_.clear();
}

std::shared_ptr<PublishAcks> PublishAcks::settle_locked(std::size_t acks) noexcept {
  due_ -= acks;
  return due_ == 0 ? std::exchange(self_, nullptr) : nullptr;
}

}  // namespace carillon::net
