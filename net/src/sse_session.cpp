#include "net/src/sse_session.hpp"

#include "net/src/server_message.hpp"

#include <utility>

namespace carillon::net {

void SseSession::start(StreamRequest request) {
  resumes_ = !request.request["Last-Event-ID"].empty();
  discard_input();
  subscribe(request.user, std::move(request.filter));
}

void SseSession::welcome() {
  const std::string cursor = cursor_text();
  std::string text = "HTTP/1.1 200 OK\r\nServer: " + host().server_name() +
                     "\r\nContent-Type: text/event-stream"
                     "\r\nCache-Control: no-cache"
                     "\r\nX-Accel-Buffering: no"
                     "\r\nConnection: close\r\n\r\n";
  text.append("retry: " + std::to_string(host().options().sse_retry.count()) + "\n");
  text.append("id: " + cursor + "\n");
  text.append(named_event(
      "welcome", welcome_members(cursor, engine::make_uuid_v4(), host().broadcaster().epoch())));
  // What came since that event is not replayed yet; the client must not think so.
  if (resumes_) text.append(named_event("reset", reset_members("resume_not_supported", cursor)));
  queue(text);
}

void SseSession::say_farewell(Farewell farewell) {
  const bool too_slow = farewell == Farewell::too_slow;
  begin_closing(too_slow ? CloseReason::too_slow : CloseReason::draining);
  const std::string cursor = cursor_text();
  queue("id: " + cursor + "\n" +
        named_event("goodbye", goodbye_members(too_slow ? "too_slow" : "draining", cursor,
                                               host().options().sse_retry)));
}

void SseSession::tick_open(StreamClock::time_point now) {
  if (now - last_written_at() >= host().options().keepalive_interval) say(": keepalive\n\n");
}

}  // namespace carillon::net
