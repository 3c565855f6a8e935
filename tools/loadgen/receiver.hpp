#pragma once

#include "tools/loadgen/order_check.hpp"
#include "tools/loadgen/plan.hpp"
#include "tools/loadgen/sequence_check.hpp"
#include "tools/loadgen/stamp.hpp"
#include "tools/loadgen/stream_client.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace carillon::loadgen {

class Receiver;

/// Who hears of what receivers hear.
class ReceiverHost {
 public:
  virtual ~ReceiverHost() = default;
  virtual void receiver_ready(Receiver& receiver) = 0;
  virtual void receiver_ended(Receiver& receiver, const std::string& why) = 0;
  /// An event came for the first time.
  virtual void delivered(const Stamp& stamp, std::int64_t at_ns) = 0;
  /// False if others heard of the event under another id or sequence.
  virtual bool agrees(const Stamp& stamp, std::string_view id, std::uint64_t sequence) = 0;
};

/// One subscriber of one user; checks what it hears, over all the connections that
/// it has one after the other.
class Receiver final : public StreamClient {
 public:
  struct Identity {
    std::uint32_t number = 0;
    std::uint32_t user = 0;
    std::string_view user_id{};
    std::uint32_t streams = 0;  ///< connections that publish for this user
  };
  /// What must not happen, apart from gaps (SequenceCheck::missing).
  struct Faults {
    std::uint64_t duplicates = 0;
    std::uint64_t out_of_order = 0;
    std::uint64_t foreign = 0;      ///< another user's events
    std::uint64_t misnumbered = 0;  ///< the server's sequence did not ascend
    std::uint64_t disagreed = 0;    ///< another id or sequence than others heard
  };

  Receiver(Loop& loop,
           const SubscribePlan& plan,
           const StampCodec& codec,
           ReceiverHost& host,
           const Identity& identity);

  /// The subscription stands, or did when its connection ended.
  [[nodiscard]] bool ready() const { return ready_; }
  /// The last one that it was told; empty if none was looked for.
  [[nodiscard]] const std::string& cursor() const { return cursor_; }
  [[nodiscard]] std::uint64_t resumes() const { return resumes_; }
  /// After the end of a connection: the next open() subscribes after the cursor.
  void prepare_resume();
  [[nodiscard]] std::uint32_t number() const { return identity_.number; }
  [[nodiscard]] std::uint32_t user() const { return identity_.user; }
  [[nodiscard]] const Faults& faults() const { return faults_; }
  /// nullptr if it is not compared, or is that of the one publisher.
  [[nodiscard]] const OrderTrail* order() const {
    return plan_.order && checks_.size() > 1 ? &order_ : nullptr;
  }
  [[nodiscard]] const SequenceCheck& check(std::uint32_t stream) const { return checks_[stream]; }

 private:
  [[nodiscard]] std::string opening_request(std::string_view key) const override;
  void on_stream() override;
  void on_message(std::string_view message) override;
  void on_end(const std::string& why) override { host_.receiver_ended(*this, why); }
  void take(const Stamp& stamp);
  void take_control(std::string_view message);
  void take_cursor(std::string_view message);
  void check_names(const Stamp& stamp, std::string_view message);
  void become_ready();
  [[nodiscard]] TemplateValues values() const;

  const SubscribePlan& plan_;
  const StampCodec& codec_;
  ReceiverHost& host_;
  Identity identity_;
  std::vector<SequenceCheck> checks_;
  OrderTrail order_;
  Faults faults_;
  std::string cursor_;
  std::uint64_t resumes_ = 0;
  std::uint64_t sequence_ = 0;  // the server's, of the last event
  bool ready_ = false;
  bool told_ = false;  // of a gap, since the last event
};

}  // namespace carillon::loadgen
