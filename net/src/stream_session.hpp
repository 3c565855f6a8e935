#pragma once

#include "carillon/engine/cursor.hpp"
#include "carillon/engine/filter.hpp"
#include "carillon/engine/sink.hpp"
#include "carillon/engine/subscription.hpp"
#include "net/src/asio.hpp"
#include "net/src/frame_encoder.hpp"
#include "net/src/session_backlog.hpp"
#include "net/src/session_host.hpp"
#include "net/src/session_spread.hpp"
#include "net/src/stream_counters.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace carillon::net {

/// One network connection that subscribes: what WebSocket and SSE have in common.
///
/// Role      The sink of its own subscription, on the subscription's shard.
/// Threads   Everything: the shard's.
/// Order     Events leave in the order of on_events; what the session says itself
///           takes its place between them, always as a whole frame.
/// Bound     The backlog: options.session_backlog_bytes_max, or one frame if it
///           is larger alone. At the bound the session takes no more events and
///           is closed with the cursor of the last one that it queued.
/// Lifetime  Shared by the host's registry, by pending operations, and by the
///           engine until on_end. After close() it touches neither host nor engine.
///
/// starting ─on_start─► open ─begin_closing─► closing ─written, lingered─► closed;
/// lose_connection() leads to `lost` from anywhere, and from there the host to
/// `closed`; close() leads to `closed` at once.
class StreamSession : public engine::Sink, public std::enable_shared_from_this<StreamSession> {
 public:
  StreamSession(SessionHost& host, tcp::socket socket, FrameFormat format);
  ~StreamSession() override = default;

  void on_start(const engine::Position& at) noexcept final;
  void on_events(const engine::DeliveryBatch& batch) noexcept final;
  void on_end(engine::EndReason reason) noexcept final;

  // For the host.
  /// Its place among the admitted connections, until close().
  void keep(AdmissionPass pass) noexcept { pass_ = std::move(pass); }
  /// Until the session is closed.
  void keep(SessionShare share) noexcept { share_ = std::move(share); }
  /// One write of what is queued, unless the socket is known to be full.
  void flush() noexcept;
  void tick(StreamClock::time_point now) noexcept;
  /// Says goodbye because the server drains.
  void drain() noexcept;
  /// Hard and final; counts `reason`. Idempotent.
  void close(CloseReason reason) noexcept;
  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  void set_index(std::size_t index) noexcept { index_ = static_cast<std::uint32_t>(index); }
  [[nodiscard]] bool take_dirty_mark() noexcept;
  [[nodiscard]] bool set_dirty_mark() noexcept;

 protected:
  enum class State : std::uint8_t { starting, open, closing, lost, closed };
  enum class Farewell : std::uint8_t { too_slow, draining };

  [[nodiscard]] State state() const noexcept { return state_; }
  /// Nothing is read, written or taken any more.
  [[nodiscard]] bool is_over() const noexcept { return state_ >= State::lost; }
  [[nodiscard]] SessionHost& host() noexcept { return *host_; }
  [[nodiscard]] tcp::socket& socket() noexcept { return backlog_.socket(); }
  [[nodiscard]] bool nothing_queued() const noexcept { return backlog_.bytes() == 0; }
  [[nodiscard]] StreamClock::time_point last_written_at() const noexcept { return progress_at_; }
  [[nodiscard]] std::string cursor_text() const;

  void subscribe(const engine::UserId& user, engine::Filter filter);
  /// From the next event on, on top of the subscription's own filter.
  void set_filter(engine::Filter filter);
  /// Queues whole frames of the session's own; false once it is closing.
  bool say(std::string_view whole_frames);
  /// The same in any state but `closed`: for the protocol's own frames.
  void queue(std::string_view whole_frames);
  /// Takes no more events; closes when what is queued is written, finished()
  /// says so, and the client has closed its end or let close_timeout pass.
  void begin_closing(CloseReason reason) noexcept;
  /// To be called when finished() may have become true.
  void closing_progressed() noexcept;
  /// The connection is of no use any more: the host closes it soon, for `reason`
  /// unless it was already closing for another one.
  void lose_connection(CloseReason reason) noexcept;
  /// Reads and forgets what the client sends, and sees it go.
  void discard_input();

  /// The first words, now that the position is known.
  virtual void welcome() = 0;
  /// Begins closing, and says the last words.
  virtual void say_farewell(Farewell farewell) = 0;
  /// What is due beside the deadlines of the base.
  virtual void tick_open(StreamClock::time_point now) = 0;
  /// At the end: what was read and is not whole is not counted any more.
  virtual void forget_input() noexcept {}
  /// While closing: nothing more will be queued, and nobody reads.
  [[nodiscard]] virtual bool finished() const noexcept = 0;

 private:
  [[nodiscard]] bool passes(const engine::Event& event) const;
  [[nodiscard]] bool queue_event(const SharedBytes& frame);
  void wait_until_writable();
  void on_input(error_code error);

  // What a delivery needs comes first: the shard fetches the first 64 bytes of a sink
  // ahead of it.
  SessionHost* host_;  // null once closed
  std::unique_ptr<engine::Filter> filter_;
  const FrameFormat format_;
  State state_ = State::starting;
  bool dirty_ = false;
  bool blocked_ = false;  // the last write found the socket full
  bool waiting_until_writable_ = false;
  bool discarding_input_ = false;
  bool lingering_ = false;
  CloseReason closing_reason_ = CloseReason::client;
  engine::Position position_;
  SessionBacklog backlog_;
  /// When bytes last left, the socket became full, or the lingering began.
  StreamClock::time_point progress_at_;
  engine::Subscription subscription_;
  AdmissionPass pass_;
  SessionShare share_;
  std::uint32_t index_ = 0;
};

}  // namespace carillon::net
