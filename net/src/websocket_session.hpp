#pragma once

#include "carillon/engine/ids.hpp"
#include "net/src/client_message.hpp"
#include "net/src/control_frame.hpp"
#include "net/src/frame_reader.hpp"
#include "net/src/publish_acks.hpp"
#include "net/src/server_message.hpp"
#include "net/src/stream_hub.hpp"
#include "net/src/stream_session.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace carillon::net {

/// A subscription over a WebSocket: plain (each text frame is one event), or with
/// the subprotocol `carillon.v1` (typed messages both ways).
///
/// Role      Beast answers the upgrade (websocket_handshake.hpp), a FrameReader takes
///           the client's frames apart; all bytes leave through the backlog.
/// Order     101, then `welcome` (v1), then events. Behind a close frame nothing.
/// Bound     A message: options.websocket_message_bytes_max, and with all connections'
///           the admission's receiving_bytes_max, beyond which it is closed; publishes in
///           flight: options.pipelined_requests_max, and then the socket is not read.
/// Progress  An idle session holds no buffer: it waits until its socket is
///           readable, then reads into the shard's.
/// Lifetime  As StreamSession. From on_start until the last frame has come a wait is
///           pending, or an ack is due that goes on (Input).
class WebSocketSession final : public StreamSession, public PublishReceiver {
 public:
  WebSocketSession(SessionHost& host, tcp::socket socket, bool v1);

  /// Once, after the host has registered the session.
  void start(StreamRequest request);

  void on_ack(std::string_view ref, engine::Ack& ack) noexcept override;

 private:
  /// Where the next bytes come from.
  enum class Input : std::uint8_t {
    socket,
    held,  ///< none: as many publishes as may be wait for their acks
    kept,  ///< what was read before, soon or now
  };

  void welcome() override;
  void say_farewell(Farewell farewell) override;
  void tick_open(StreamClock::time_point now) override;
  void forget_input() noexcept override;
  [[nodiscard]] bool finished() const noexcept override { return finished_; }

  /// Waits for the socket, or for acks.
  void read_on();
  void take_kept_soon();
  [[nodiscard]] bool has_full_pipeline() noexcept {
    return state() == State::open &&
           publishes_in_flight_ >= host().options().pipelined_requests_max;
  }
  void on_readable(error_code error);
  void on_bytes(std::span<char> bytes);
  void on_step(FrameStep step, FrameReader& reader);
  /// What is held of messages that are not whole; ends the session if it is too much.
  void count_receiving();
  void on_end_of_stream();
  /// `text` may get more capacity, and is not used any more.
  void on_message(std::string& text, bool is_text);
  /// Begins closing, and says where the client can go on.
  void say_goodbye(CloseCode code, CloseReason reason);
  /// Begins the closing handshake.
  void start_closing(CloseCode code, std::string_view text, CloseReason reason);
  /// The server's close frame is the last: nothing of the client counts any more.
  void refuse(CloseCode code, std::string_view text, CloseReason reason);
  /// No more frames are read.
  void finish();
  /// The server drains, and all that was read is answered: then it says goodbye.
  void say_due_farewell();

  void on_publish(const ClientMessage& message);
  void on_filter(const ClientMessage& message, std::string& text);
  void say_message(std::string_view type, std::string_view members);
  void say_error(std::string_view ref, const MessageError& error);

  engine::UserId user_;
  std::unique_ptr<FrameReader> reader_;  // within a frame or a message only
  std::unique_ptr<std::string> kept_;    // received, and not looked at
  StreamClock::time_point pinged_at_;
  std::uint32_t publishes_in_flight_ = 0;
  std::uint32_t receiving_bytes_ = 0;  // as the admission counts them
  std::uint8_t pings_unanswered_ = 0;
  Input input_ = Input::kept;
  const bool v1_;
  bool service_ = false;
  bool farewell_due_ = false;      // the server drains, not all is answered
  bool heard_since_ping_ = false;  // any bytes show that somebody is there
  bool finished_ = false;
};

}  // namespace carillon::net
