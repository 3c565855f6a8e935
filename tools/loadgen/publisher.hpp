#pragma once

#include "tools/loadgen/connection.hpp"
#include "tools/loadgen/plan.hpp"
#include "tools/loadgen/stamp.hpp"
#include "tools/loadgen/stream_client.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::loadgen {

/// One connection's events for one user.
struct Stream {
  std::uint32_t user = 0;
  std::uint32_t index = 0;  ///< among the user's streams
  std::string_view user_id{};
  std::uint64_t sent = 0;
  std::vector<std::uint64_t> refused{};     ///< answered, but not by a success
  std::vector<std::uint64_t> unanswered{};  ///< they may have happened or not
};

/// Who hears how publishing goes.
class PublisherHost {
 public:
  virtual ~PublisherHost() = default;
  virtual void publisher_ready() = 0;
  virtual void publisher_ended(const std::string& why) = 0;
  /// `status`: 200 for a WebSocket's answer.
  virtual void answered(const Stamp& stamp, unsigned status) = 0;
};

/// What a publishing connection has sent and not been answered yet, and what
/// waits for its turn. Over HTTP or a WebSocket: the derived classes know.
///
/// Order    A connection sends in the order of the offers; with a window of one
///          the server has answered an event before the next is sent.
/// Bound    `window` events in flight; the waiting ones are eight bytes each,
///          as many as the rate has offered and the server not taken.
class PublishQueue {
 public:
  PublishQueue(const PublishPlan& plan,
               const StampCodec& codec,
               PublisherHost& host,
               std::vector<Stream> streams,
               std::uint32_t connection,
               std::uint32_t window);
  virtual ~PublishQueue() = default;

  virtual void connect(const boost::asio::ip::tcp::endpoint& remote) = 0;
  /// An event that should be sent at that time: now, or when there is room.
  void offer(std::int64_t intended_ns);
  /// Forgets what waits; returns how many those were.
  std::uint64_t drop_waiting();
  /// What is in flight goes to the streams' `unanswered`.
  void give_up();

  [[nodiscard]] const std::vector<Stream>& streams() const { return streams_; }
  [[nodiscard]] bool busy() const { return !in_flight_.empty() || !waiting_.empty(); }

 protected:
  virtual void transmit(const TemplateValues& values) = 0;
  void take_answer(unsigned status);
  /// The answer to the event with this stamp, whatever its place.
  void take_answer(const Stamp& stamp, unsigned status);
  void take_end(const std::string& why);
  [[nodiscard]] TemplateValues first_values() const;

  const PublishPlan& plan_;
  const StampCodec& codec_;
  PublisherHost& host_;

 private:
  struct InFlight {
    Stamp stamp;
    std::size_t stream;
  };
  void send_next();
  void finish(std::size_t place, unsigned status);

  std::vector<Stream> streams_;
  std::size_t turn_ = 0;  // the stream that is next
  std::uint32_t connection_;
  std::uint32_t window_;
  std::deque<InFlight> in_flight_;
  std::deque<std::int64_t> waiting_;
  std::string stamp_text_;
};

[[nodiscard]] std::unique_ptr<PublishQueue> make_publisher(Loop& loop,
                                                           const PublishPlan& plan,
                                                           const StampCodec& codec,
                                                           PublisherHost& host,
                                                           std::vector<Stream> streams,
                                                           std::uint32_t connection,
                                                           std::uint32_t window);

}  // namespace carillon::loadgen
