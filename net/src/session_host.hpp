#pragma once

#include "carillon/engine/broadcaster.hpp"
#include "carillon/engine/event_parser.hpp"
#include "carillon/net/server_options.hpp"
#include "net/src/admission.hpp"
#include "net/src/asio.hpp"
#include "net/src/flush_pacer.hpp"
#include "net/src/frame_encoder.hpp"
#include "net/src/stream_counters.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace carillon::net {

class PublishAcks;
class StreamSession;

using StreamClock = std::chrono::steady_clock;

/// What a hub's sessions share: their registry, the encoder, the list of those
/// that have something to write, one timer for all deadlines, the counters.
///
/// Role      One per StreamHub, behind it. Shared with the handlers that it
///           posts, so that none of them can outlive it.
/// Threads   The shard's only; counters(): any thread.
/// Bound     One write per session and flush. The timer runs only while there
///           are sessions, or a drain. What waits for a flush: the pacer's pause,
///           and the encoder's bound.
/// Lifetime  A session that is not closed is registered here and may call this;
///           a closed one never does.
class SessionHost : public std::enable_shared_from_this<SessionHost> {
 public:
  SessionHost(asio::io_context& context,
              engine::Broadcaster& broadcaster,
              const ServerOptions& options,
              engine::ShardIndex shard,
              std::shared_ptr<Admission> admission);
  ~SessionHost();
  SessionHost(const SessionHost&) = delete;
  SessionHost& operator=(const SessionHost&) = delete;

  [[nodiscard]] const ServerOptions& options() const noexcept { return options_; }
  [[nodiscard]] engine::Broadcaster& broadcaster() noexcept { return broadcaster_; }
  [[nodiscard]] Admission& admission() noexcept { return *admission_; }
  [[nodiscard]] asio::io_context& context() noexcept { return context_; }
  [[nodiscard]] engine::ShardIndex shard() const noexcept { return shard_; }
  [[nodiscard]] PublishAcks& acks() noexcept { return *acks_; }
  [[nodiscard]] engine::EventParser& event_parser();
  /// Coarse: of the current flush or tick.
  [[nodiscard]] StreamClock::time_point now() const noexcept { return now_; }
  void refresh_now() noexcept { now_ = StreamClock::now(); }
  /// Where sessions read what they discard. Valid until the next call of anybody.
  [[nodiscard]] std::span<char> scratch() noexcept { return scratch_; }
  [[nodiscard]] std::string server_name() const;
  [[nodiscard]] bool draining() const noexcept { return draining_; }

  void add(std::shared_ptr<StreamSession> session);
  /// By the session itself, once, when it is closed.
  void remove(StreamSession& session, CloseReason reason) noexcept;
  /// Closes a session whose connection was lost, some at a time between other work:
  /// that of one costs as much as several reads, and thousands may go at once.
  void close_soon(StreamSession& session, CloseReason reason) noexcept;

  /// The encoder, ready for this batch.
  [[nodiscard]] FrameEncoder& begin_batch(const engine::DeliveryBatch& batch);
  /// The session has something to write; the next flush() does it.
  void mark_dirty(StreamSession& session);
  /// Has a flush() follow soon: for what is queued outside of the shard's turns.
  void schedule_flush();
  void flush();
  /// flush(), now or as soon as the pacer lets it begin.
  void flush_when_due();

  void drain(std::function<void()> done);
  /// Closes every session now. The hub's last word.
  void shut() noexcept;

  [[nodiscard]] StreamCounters counters() const noexcept;
  void count_frames(std::uint64_t frames) noexcept { frames_.add(frames); }
  void count_written(std::uint64_t bytes) noexcept { written_bytes_.add(bytes); }
  void count_queued(std::size_t before, std::size_t after) noexcept {
    backlog_bytes_.add(after - before);  // modulo 2^64: the sum is never negative
  }

 private:
  struct Lost {
    std::shared_ptr<StreamSession> session;
    CloseReason reason;
  };

  void close_some_lost();
  void arm_timer();
  void tick();
  void finish_drain();

  asio::io_context& context_;
  engine::Broadcaster& broadcaster_;
  const ServerOptions options_;
  const engine::ShardIndex shard_;
  const std::shared_ptr<Admission> admission_;
  const std::chrono::milliseconds tick_period_;

  asio::steady_timer timer_;
  asio::steady_timer flush_timer_;
  bool timer_armed_ = false;
  bool flush_scheduled_ = false;
  bool flush_awaited_ = false;  // by flush_timer_
  bool draining_ = false;
  bool shut_ = false;
  StreamClock::time_point now_;
  StreamClock::time_point drain_until_;
  FlushPacer pacer_;
  std::uint64_t frames_before_flush_ = 0;
  std::function<void()> drained_;

  std::vector<std::shared_ptr<StreamSession>> sessions_;  // each knows its index
  std::vector<std::shared_ptr<StreamSession>> dirty_;
  std::vector<std::shared_ptr<StreamSession>> flushing_;  // empty between flushes
  std::deque<Lost> lost_;  // while not empty, close_some_lost() is posted
  FrameEncoder encoder_;
  std::unique_ptr<engine::EventParser> parser_;
  std::shared_ptr<PublishAcks> acks_;
  std::array<char, std::size_t{16} * 1024> scratch_{};

  // Written by the shard, read by any thread.
  Counter open_;
  Counter opened_;
  Counter frames_;
  Counter written_bytes_;
  Counter backlog_bytes_;
  std::array<Counter, close_reason_count> closed_;
};

}  // namespace carillon::net
