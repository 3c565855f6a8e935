#pragma once

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
};

/// One subscriber of one user; checks what it hears.
class Receiver final : public StreamClient {
 public:
  struct Identity {
    std::uint32_t user = 0;
    std::string_view user_id{};
    std::uint32_t streams = 0;  ///< connections that publish for this user
  };
  /// What must not happen, apart from gaps (SequenceCheck::missing).
  struct Faults {
    std::uint64_t duplicates = 0;
    std::uint64_t out_of_order = 0;
    std::uint64_t foreign = 0;  ///< another user's events
  };

  Receiver(Loop& loop,
           const SubscribePlan& plan,
           const StampCodec& codec,
           ReceiverHost& host,
           const Identity& identity);

  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] std::uint32_t user() const { return identity_.user; }
  [[nodiscard]] const Faults& faults() const { return faults_; }
  [[nodiscard]] const SequenceCheck& check(std::uint32_t stream) const { return checks_[stream]; }

 private:
  [[nodiscard]] std::string opening_request() const override;
  void on_stream() override;
  void on_message(std::string_view message) override;
  void on_end(const std::string& why) override { host_.receiver_ended(*this, why); }
  void take(const Stamp& stamp);
  void take_control(std::string_view message);
  void become_ready();
  [[nodiscard]] TemplateValues values() const;

  const SubscribePlan& plan_;
  const StampCodec& codec_;
  ReceiverHost& host_;
  Identity identity_;
  std::vector<SequenceCheck> checks_;
  Faults faults_;
  bool ready_ = false;
  bool told_ = false;  // of a gap, since the last event
};

}  // namespace carillon::loadgen
