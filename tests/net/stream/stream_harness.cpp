#include "tests/net/stream/stream_harness.hpp"

#include "carillon/net/shard_threads.hpp"
#include "net/src/session_spread.hpp"
#include "net/src/shard_threads_impl.hpp"
#include "net/src/stream_hub.hpp"

#include <chrono>
#include <cstddef>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace carillon::net {

struct StreamHarness::Impl {
  explicit Impl(const HarnessOptions& options)
      : log{options.log},
        threads{options.shards},
        spread{options.shards, options.server.home_sessions_max},
        acceptor{context, {asio::ip::address_v4::loopback(), 0}} {}

  [[nodiscard]] StreamHub& hub(const engine::UserId& user) {
    return *hubs[broadcaster->shard_of(user)];
  }
  [[nodiscard]] asio::io_context& context_of(engine::ShardIndex shard) {
    return threads.impl().context(shard);
  }

  testing::ManualLog* log;
  ShardThreads threads;
  SessionSpread spread;
  std::unique_ptr<engine::Broadcaster> broadcaster;
  std::vector<std::unique_ptr<StreamHub>> hubs;
  asio::io_context context;
  tcp::acceptor acceptor;
};

StreamHarness::StreamHarness() : StreamHarness{HarnessOptions{}} {
}

StreamHarness::StreamHarness(const HarnessOptions& options)
    : impl_{std::make_unique<Impl>(options)} {
  engine::Options engine_options;
  engine_options.shards = options.shards;
  engine_options.waker = &impl_->threads;
  auto made = engine::Broadcaster::create(engine_options, options.log);
  if (!made) throw std::runtime_error{made.error().text()};
  impl_->broadcaster = std::move(*made);
  for (engine::ShardIndex shard = 0; shard < options.shards; ++shard)
    impl_->hubs.push_back(
        std::make_unique<StreamHub>(impl_->context_of(shard), *impl_->broadcaster, options.server,
                                    shard, std::make_shared<Admission>(options.server.limits)));
  impl_->threads.start([impl = impl_.get()](engine::ShardIndex shard) {
    const bool more = impl->broadcaster->run_turn(shard);
    impl->hubs[shard]->flush();
    return more;
  });
}

StreamHarness::~StreamHarness() {
  stop();
}

void StreamHarness::stop() {
  impl_->threads.stop();
  impl_->broadcaster->stop();
  if (impl_->log != nullptr) std::exchange(impl_->log, nullptr)->abandon();
  impl_->hubs.clear();
}

engine::Broadcaster& StreamHarness::broadcaster() {
  return *impl_->broadcaster;
}

std::uint64_t StreamHarness::sessions_of(engine::ShardIndex shard) const {
  return impl_->hubs[shard]->counters().sessions;
}

void StreamHarness::on_shard(engine::ShardIndex shard, std::function<void()> task) {
  asio::post(impl_->context_of(shard), std::move(task));
}

void StreamHarness::on_shard(const engine::UserId& user, std::function<void()> work) {
  std::packaged_task<void()> task{std::move(work)};
  auto done = task.get_future();
  asio::post(impl_->context_of(impl_->broadcaster->shard_of(user)), std::ref(task));
  if (done.wait_for(testing::StreamSocket::deadline) != std::future_status::ready)
    throw std::runtime_error{"the shard did not run the work before the deadline"};
}

void StreamHarness::drain() {
  for (engine::ShardIndex shard = 0; shard < impl_->hubs.size(); ++shard)
    on_shard(shard, [hub = impl_->hubs[shard].get()] { hub->drain([] {}); });
}

void StreamHarness::drain(const engine::UserId& user, std::function<void()> done) {
  on_shard(user, [&] { impl_->hub(user).drain(std::move(done)); });
}

StreamCounters StreamHarness::counters() const {
  StreamCounters sum;
  for (const auto& hub : impl_->hubs) {
    const auto one = hub->counters();
    sum.sessions += one.sessions;
    sum.frames_total += one.frames_total;
    sum.backlog_bytes += one.backlog_bytes;
    for (std::size_t reason = 0; reason < close_reason_count; ++reason)
      sum.closed_total[reason] += one.closed_total[reason];
  }
  return sum;
}

std::uint64_t StreamHarness::closed(CloseReason reason) const {
  return counters().closed_total[static_cast<std::size_t>(reason)];
}

testing::StreamSocket StreamHarness::connect(StreamSpec stream,
                                             std::string_view request,
                                             int receive_bytes) {
  testing::StreamSocket client{impl_->acceptor.local_endpoint().port(), receive_bytes};
  tcp::socket accepted = impl_->acceptor.accept();
  client.send(request);
  http::request_parser<http::string_body> parser;
  beast::flat_buffer buffer;
  http::read(accepted, buffer, parser);

  auto place = impl_->spread.place(stream.user, impl_->broadcaster->shard_of(stream.user));
  const auto shard = place.shard;
  auto shared = std::make_shared<StreamRequest>();
  shared->kind = stream.kind == StreamSpec::Kind::sse ? StreamRequest::Kind::sse
                                                      : StreamRequest::Kind::websocket;
  shared->request = parser.release();
  shared->early_bytes = beast::buffers_to_string(buffer.data());
  shared->user = stream.user;
  shared->filter = std::move(stream.filter);
  shared->service = stream.service;
  shared->share = std::move(place.share);
  auto& context = impl_->context_of(shard);
  const auto protocol = accepted.local_endpoint().protocol();
  auto socket = std::make_shared<tcp::socket>(context, protocol, accepted.release());
  asio::post(context, [impl = impl_.get(), shard, socket, shared] {
    impl->hubs[shard]->adopt(std::move(*socket), std::move(*shared));
  });
  return client;
}

testing::WebSocketClient StreamHarness::websocket(const engine::UserId& user,
                                                  std::string_view subprotocols,
                                                  engine::Filter filter,
                                                  int receive_bytes) {
  const auto before = subscriptions();
  StreamSpec stream;
  stream.kind = StreamSpec::Kind::websocket;
  stream.user = user;
  stream.filter = std::move(filter);
  testing::WebSocketClient client{connect(
      std::move(stream), testing::WebSocketClient::upgrade_request(subprotocols), receive_bytes)};
  const auto head = client.read_head();
  if (!head.starts_with("HTTP/1.1 101 ")) throw std::runtime_error{head};
  // A plain one says nothing when its subscription starts.
  wait_for([&] { return subscriptions() > before; });
  return client;
}

testing::SseClient StreamHarness::sse(const engine::UserId& user,
                                      engine::Filter filter,
                                      int receive_bytes) {
  StreamSpec stream;
  stream.kind = StreamSpec::Kind::sse;
  stream.user = user;
  stream.filter = std::move(filter);
  return testing::SseClient{
      connect(std::move(stream), testing::SseClient::request(), receive_bytes)};
}

void StreamHarness::publish(const engine::UserId& user, std::string_view description) {
  while (broadcaster().publish(testing::make_event(broadcaster(), user, description)) !=
         engine::PublishStatus::accepted)
    std::this_thread::yield();
}

void StreamHarness::wait_for(const std::function<bool()>& state) {
  const auto until = std::chrono::steady_clock::now() + testing::StreamSocket::deadline;
  while (!state()) {
    if (std::chrono::steady_clock::now() > until)
      throw std::runtime_error{"the state did not come before the deadline"};
    std::this_thread::yield();
  }
}

std::uint64_t StreamHarness::subscriptions() const {
  return impl_->broadcaster->metrics().subscriptions;
}

}  // namespace carillon::net
