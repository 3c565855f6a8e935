#pragma once

#include "carillon/engine/ids.hpp"
#include "net/src/backlog_stream.hpp"
#include "net/src/client_message.hpp"
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
/// Role      Beast does handshake, reads, pongs and the closing handshake; all
///           bytes leave through the backlog (backlog_stream.hpp).
/// Order     101, then `welcome` (v1), then events. Behind a close frame nothing.
/// Bound     A message: options.websocket_message_bytes_max; publishes in flight:
///           options.pipelined_requests_max, further ones are answered `overloaded`.
/// Lifetime  As StreamSession. One read is pending from on_start to the end.
class WebSocketSession final : public StreamSession, public PublishReceiver {
 public:
  WebSocketSession(SessionHost& host, tcp::socket socket, bool v1);

  /// Once, after the host has registered the session.
  void start(StreamRequest request);

  void on_ack(std::string_view ref, engine::Ack& ack) noexcept override;

 private:
  friend class BacklogStream;

  void welcome() override;
  void say_farewell(Farewell farewell) override;
  void tick_open(StreamClock::time_point now) override;
  [[nodiscard]] bool finished() const noexcept override { return beast_finished_; }

  // For BacklogStream.
  [[nodiscard]] error_code write_from_beast(std::string_view frame);
  [[nodiscard]] std::size_t take_early(std::span<char> target) noexcept;

  void on_accept(error_code error);
  void read_more();
  void on_read(error_code error, std::size_t bytes);
  void on_read_error(error_code error);
  void on_message();
  /// Begins the closing handshake.
  void start_closing(websocket::close_code code, std::string_view text, CloseReason reason);
  void on_beast_finished();

  void on_publish(const ClientMessage& message);
  void on_filter(const ClientMessage& message);
  void say_message(std::string_view type, std::string_view members);
  void say_error(std::string_view ref, const MessageError& error);

  websocket::stream<BacklogStream, false> stream_;  // without permessage-deflate
  engine::UserId user_;
  std::string message_;  // what was read of the current message, and room
  std::size_t message_bytes_ = 0;
  std::unique_ptr<StreamRequest> starting_;  // until the engine has the subscription
  std::unique_ptr<std::string> early_bytes_;
  StreamClock::time_point pinged_at_;
  std::uint32_t reads_ = 0;  // begun; one more means that bytes came
  std::uint32_t reads_at_ping_ = 0;
  std::uint32_t publishes_in_flight_ = 0;
  std::uint8_t pings_unanswered_ = 0;
  const bool v1_;
  bool service_ = false;
  bool farewell_due_ = false;     // the server drains, publishes are in flight
  bool accepted_ = false;         // from here on Beast writes frames, not HTTP
  bool closed_by_beast_ = false;  // it sent the close frame of its own accord
  bool beast_finished_ = false;   // it neither reads nor writes any more
};

}  // namespace carillon::net
