#include "net/src/stream_hub.hpp"

#include "net/src/session_host.hpp"
#include "net/src/sse_session.hpp"
#include "net/src/websocket_handshake.hpp"
#include "net/src/websocket_session.hpp"

#include <utility>

namespace carillon::net {

struct StreamHub::Impl {
  std::shared_ptr<SessionHost> host;
};

StreamHub::StreamHub(asio::io_context& context,
                     engine::Broadcaster& broadcaster,
                     const ServerOptions& options,
                     engine::ShardIndex shard,
                     std::shared_ptr<Admission> admission)
    : impl_{std::make_unique<Impl>(Impl{std::make_shared<SessionHost>(
          context, broadcaster, options, shard, std::move(admission))})} {
}

StreamHub::~StreamHub() {
  impl_->host->shut();
}

void StreamHub::adopt(tcp::socket socket, StreamRequest request) {
  SessionHost& host = *impl_->host;
  host.refresh_now();
  if (request.kind == StreamRequest::Kind::websocket) {
    const bool v1 = offers_carillon_v1(request.request);
    auto session = std::make_shared<WebSocketSession>(host, std::move(socket), v1);
    session->keep(std::move(request.pass));
    host.add(session);
    session->keep(std::move(request.share));
    session->start(std::move(request));
  } else {
    auto session = std::make_shared<SseSession>(host, std::move(socket));
    session->keep(std::move(request.pass));
    host.add(session);
    session->keep(std::move(request.share));
    session->start(std::move(request));
  }
}

void StreamHub::flush() {
  impl_->host->flush_when_due();
}

void StreamHub::drain(std::function<void()> done) {
  impl_->host->drain(std::move(done));
}

std::size_t StreamHub::sessions_approx() const noexcept {
  return static_cast<std::size_t>(counters().sessions);
}

StreamCounters StreamHub::counters() const noexcept {
  return impl_->host->counters();
}

}  // namespace carillon::net
