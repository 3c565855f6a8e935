#pragma once

#include "net/src/stream_hub.hpp"
#include "net/src/stream_session.hpp"

namespace carillon::net {

/// A subscription as Server-Sent Events: what Meshery's UI and any EventSource
/// reads. The body has no length and ends with the connection.
///
/// Order     Head, `welcome`, a `reset` if the client wanted to resume, then events; what the
/// session says itself is a named
///           event or a comment, which `onmessage` ignores.
/// Lifetime  As StreamSession. Bytes from the client are read and forgotten; its
///           end of the connection ends the session.
class SseSession final : public StreamSession {
 public:
  SseSession(SessionHost& host, tcp::socket socket)
      : StreamSession{host, std::move(socket), FrameFormat::sse} {}

  /// Once, after the host has registered the session.
  void start(StreamRequest request);

 private:
  void welcome() override;
  void say_farewell(Farewell farewell) override;
  void tick_open(StreamClock::time_point now) override;
  [[nodiscard]] bool finished() const noexcept override { return true; }

  bool resumes_ = false;  // the client names an event that it has
};

}  // namespace carillon::net
