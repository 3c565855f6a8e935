// The second half of WebSocketSession: what the client's messages do.
#include "net/src/admission_answer.hpp"
#include "net/src/error_envelope.hpp"
#include "net/src/websocket_session.hpp"

#include <string>
#include <utility>

namespace carillon::net {

void WebSocketSession::on_message(std::string& text, bool is_text) {
  if (!is_text)
    return start_closing(CloseCode::policy_error, "binary messages are not supported",
                         CloseReason::policy);
  if (!v1_)
    return start_closing(CloseCode::policy_error,
                         "messages to the server need the subprotocol carillon.v1",
                         CloseReason::policy);

  const ClientMessage message = parse_client_message(text);
  switch (message.type) {
    case ClientMessage::Type::malformed:
      return say_error(message.ref, {.code = code::malformed_json, .error = message.error});
    case ClientMessage::Type::invalid:
      return say_error(message.ref, {.code = code::invalid_body, .error = message.error});
    case ClientMessage::Type::unknown:
      return say_error(message.ref,
                       {.code = code::unknown_type,
                        .error = "`" + message.type_text +
                                 "` is not a type; known are ping, publish, filter, token."});
    case ClientMessage::Type::ping:
      return say_message("pong", pong_members(message.ref));
    case ClientMessage::Type::publish:
      return on_publish(message);
    case ClientMessage::Type::filter:
      return on_filter(message, text);
    case ClientMessage::Type::token:
      return say_error(message.ref, {.code = code::not_supported,
                                     .error = "This server asks for no token (auth = \"none\")."});
  }
}

void WebSocketSession::on_filter(const ClientMessage& message, std::string& text) {
  auto [filter, faults] = parse_filter_message(text);
  if (faults.any())
    return say_error(message.ref, {.code = faults.code,
                                   .error = "The filter is not changed, see details.",
                                   .details = faults.details});
  set_filter(std::move(filter));
  say_message("ack", filter_ack_members(message.ref, cursor_text()));
}

void WebSocketSession::on_publish(const ClientMessage& message) {
  const ServerOptions& options = host().options();
  if (message.event.empty())
    return say_error(message.ref,
                     {.code = code::invalid_body, .error = "A publish needs the member `event`."});
  if (message.event.size() > options.event_bytes_max)
    return say_error(message.ref, {.code = code::body_too_large,
                                   .error = "An event may have at most " +
                                            std::to_string(options.event_bytes_max) + " bytes."});
  // What was read before the drain is taken; its sender could not know.
  if (host().draining() && input_ == Input::socket)
    return say_error(message.ref, {.code = code::draining,
                                   .error = "The server is about to stop.",
                                   .retry_after = options.sse_retry});
  // Of the caller, not of the session: another session does not give more.
  const auto wait = host().admission().take_publish(user_, service_, 1);
  if (wait.count() != 0) {
    host().admission().count(Rejection::publish_rate);
    return say_error(message.ref,
                     {.code = code::rate_limited,
                      .error = rate_limit_text(host().admission(), service_),
                      .retry_after = std::chrono::ceil<std::chrono::milliseconds>(wait)});
  }

  auto parsed = host().event_parser().parse(message.event, {.user = user_, .service = service_});
  if (!parsed) {
    const bool malformed = parsed.fault == engine::ParseFault::malformed_json;
    const bool forbidden = parsed.fault == engine::ParseFault::forbidden;
    return say_error(message.ref, {.code = malformed   ? code::malformed_json
                                           : forbidden ? code::forbidden
                                                       : code::invalid_event,
                                   .error = parsed.error,
                                   .details = parsed.details});
  }
  const std::shared_ptr<PublishReceiver> receiver{shared_from_this(), this};
  const engine::AckRequest ack = host().acks().expect(receiver, message.ref);
  switch (host().broadcaster().publish(parsed.event, ack)) {
    case engine::PublishStatus::accepted:
      ++publishes_in_flight_;
      return;
    case engine::PublishStatus::full:
      host().acks().forget(ack);
      return say_error(message.ref,
                       {.code = code::overloaded,
                        .error = "The server holds as many events as it may; try again later.",
                        .retry_after = options.sse_retry});
    case engine::PublishStatus::closed:
      host().acks().forget(ack);
      return say_error(message.ref, {.code = code::draining,
                                     .error = "The server is stopping.",
                                     .retry_after = options.sse_retry});
  }
}

void WebSocketSession::on_ack(std::string_view ref, engine::Ack& ack) noexcept {
  if (state() != State::open) return;
  --publishes_in_flight_;
  switch (ack.outcome) {
    case engine::AckOutcome::sequenced:
    case engine::AckOutcome::durable:
      say_message("ack", ack_members(ref, ack.event->id(), ack.event->sequence()));
      break;
    case engine::AckOutcome::duplicate:
      say_message("ack", ack_members(ref, ack.event->id(), sequence_in_event(ack.first_json)));
      break;
    case engine::AckOutcome::failed:
      say_error(ref, {.code = code::unavailable,
                      .error = "The event was not made durable before the server stopped.",
                      .retry_after = host().options().sse_retry});
      break;
  }
  if (state() != State::open) return;  // its answer may have been one too many
  if (input_ == Input::held) take_kept_soon();
  say_due_farewell();
}

void WebSocketSession::say_message(std::string_view type, std::string_view members) {
  say(message_frame(type, members));
}

void WebSocketSession::say_error(std::string_view ref, const MessageError& error) {
  say_message("error", error_members(ref, error));
}

}  // namespace carillon::net
