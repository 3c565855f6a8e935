#pragma once

#include "carillon/engine/acknowledgement.hpp"
#include "net/src/asio.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace carillon::net {

/// Who published over its stream and waits for the outcome.
class PublishReceiver {
 public:
  PublishReceiver() = default;
  virtual ~PublishReceiver() = default;
  PublishReceiver(const PublishReceiver&) = delete;
  PublishReceiver& operator=(const PublishReceiver&) = delete;

  /// `ref` as the client gave it, as JSON.
  virtual void on_ack(std::string_view ref, engine::Ack& ack) noexcept = 0;
};

/// Brings acknowledgements back to the sessions that published.
///
/// Role      One per hub.
/// Threads   on_acks(): any. Everything else: the hub's shard.
/// Bound     As many as the sessions may have in flight.
/// Progress  on_acks() holds a mutex for as long as it takes to move the acks.
/// Wake-up   One post to the shard per batch, none while one is pending.
/// Lifetime  Keeps itself alive while acks are due, because the engine holds a
///           bare pointer; after shut() late ones are dropped.
class PublishAcks final : public engine::AckSink, public std::enable_shared_from_this<PublishAcks> {
 public:
  explicit PublishAcks(asio::io_context& context) : context_{context} {}

  /// What to publish with. Whoever is not acknowledged after all must forget().
  [[nodiscard]] engine::AckRequest expect(std::weak_ptr<PublishReceiver> receiver, std::string ref);
  void forget(const engine::AckRequest& request) noexcept;
  void shut() noexcept;

  void on_acks(std::span<engine::Ack> acks) noexcept override;

 private:
  struct Waiting {
    std::weak_ptr<PublishReceiver> receiver;
    std::string ref;
  };

  void deliver();
  [[nodiscard]] std::shared_ptr<PublishAcks> settle_locked(std::size_t acks) noexcept;

  asio::io_context& context_;

  // The shard's.
  std::uint64_t last_token_ = 0;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  std::vector<engine::Ack> delivering_;

  // As in HttpShard: held until what was brought is posted, which shut() waits for.
  std::mutex entrance_mutex_;

  // Under this mutex.
  std::mutex mutex_;
  std::vector<engine::Ack> arrived_;
  std::size_t due_ = 0;                // acks that the engine still owes
  std::shared_ptr<PublishAcks> self_;  // set while any is due
  bool shut_ = false;
};

}  // namespace carillon::net
