#pragma once

#include "carillon/engine/broadcaster.hpp"
#include "carillon/net/shard_threads.hpp"
#include "net/src/shard_threads_impl.hpp"
#include "net/src/stream_hub.hpp"
#include "tests/support/events.hpp"
#include "tests/support/manual_log.hpp"
#include "tests/support/sse_client.hpp"
#include "tests/support/websocket_client.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace carillon::net {

struct HarnessOptions {
  engine::ShardIndex shards = 1;
  ServerOptions server = {};
  testing::ManualLog* log = nullptr;  ///< what it did not commit is abandoned at the end
};

/// Hubs on the server's own shard threads, over a real broadcaster, without the
/// HTTP front end: the test accepts each connection itself and hands it over.
class StreamHarness {
 public:
  explicit StreamHarness(const HarnessOptions& options = {})
      : log_{options.log},
        threads_{options.shards},
        spread_{options.shards, options.server.home_sessions_max},
        acceptor_{context_, {asio::ip::address_v4::loopback(), 0}} {
    engine::Options engine_options;
    engine_options.shards = options.shards;
    engine_options.waker = &threads_;
    auto made = engine::Broadcaster::create(engine_options, options.log);
    if (!made) throw std::runtime_error{made.error().text()};
    broadcaster_ = std::move(*made);
    for (engine::ShardIndex shard = 0; shard < options.shards; ++shard)
      hubs_.push_back(
          std::make_unique<StreamHub>(threads_.impl().context(shard), *broadcaster_, options.server,
                                      shard, std::make_shared<Admission>(options.server.limits)));
    threads_.start([this](engine::ShardIndex shard) {
      const bool more = broadcaster_->run_turn(shard);
      hubs_[shard]->flush();
      return more;
    });
  }
  ~StreamHarness() { stop(); }
  StreamHarness(const StreamHarness&) = delete;
  StreamHarness& operator=(const StreamHarness&) = delete;

  void stop() {
    threads_.stop();
    broadcaster_->stop();
    if (log_ != nullptr) std::exchange(log_, nullptr)->abandon();
    hubs_.clear();
  }

  [[nodiscard]] engine::Broadcaster& broadcaster() { return *broadcaster_; }
  [[nodiscard]] StreamHub& hub(const engine::UserId& user) {
    return *hubs_[broadcaster_->shard_of(user)];
  }
  [[nodiscard]] std::uint64_t sessions_of(engine::ShardIndex shard) const {
    return hubs_[shard]->counters().sessions;
  }
  /// Runs on the shard's thread, behind what is posted there already.
  void on_shard(engine::ShardIndex shard, std::function<void()> task) {
    asio::post(threads_.impl().context(shard), std::move(task));
  }
  /// Has all hubs say goodbye; does not wait.
  void drain() {
    for (engine::ShardIndex shard = 0; shard < hubs_.size(); ++shard)
      asio::post(threads_.impl().context(shard), [this, shard] { hubs_[shard]->drain([] {}); });
  }
  [[nodiscard]] StreamCounters counters() const {
    StreamCounters sum;
    for (const auto& hub : hubs_) {
      const auto one = hub->counters();
      sum.sessions += one.sessions;
      sum.frames_total += one.frames_total;
      sum.backlog_bytes += one.backlog_bytes;
      for (std::size_t reason = 0; reason < close_reason_count; ++reason)
        sum.closed_total[reason] += one.closed_total[reason];
    }
    return sum;
  }
  [[nodiscard]] std::uint64_t closed(CloseReason reason) const {
    return counters().closed_total[static_cast<std::size_t>(reason)];
  }

  /// Connects, sends `request`, and gives the server's end to the hub that is to
  /// serve it.
  testing::StreamSocket connect(StreamRequest stream,
                                std::string_view request,
                                int receive_bytes = 0) {
    testing::StreamSocket client{acceptor_.local_endpoint().port(), receive_bytes};
    tcp::socket accepted = acceptor_.accept();
    client.send(request);
    http::request_parser<http::string_body> parser;
    beast::flat_buffer buffer;
    http::read(accepted, buffer, parser);
    stream.request = parser.release();
    stream.early_bytes.append(beast::buffers_to_string(buffer.data()));

    auto place = spread_.place(stream.user, broadcaster_->shard_of(stream.user));
    stream.share = std::move(place.share);
    const auto shard = place.shard;
    auto& context = threads_.impl().context(shard);
    const auto protocol = accepted.local_endpoint().protocol();
    auto socket = std::make_shared<tcp::socket>(context, protocol, accepted.release());
    auto shared = std::make_shared<StreamRequest>(std::move(stream));
    asio::post(context, [this, shard, socket, shared] {
      hubs_[shard]->adopt(std::move(*socket), std::move(*shared));
    });
    return client;
  }

  /// A WebSocket whose handshake is done. With v1: its `welcome` is not read yet.
  testing::WebSocketClient websocket(const engine::UserId& user,
                                     std::string_view subprotocols = {},
                                     engine::Filter filter = {},
                                     int receive_bytes = 0) {
    const auto before = subscriptions();
    StreamRequest stream;
    stream.kind = StreamRequest::Kind::websocket;
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
  testing::SseClient sse(const engine::UserId& user,
                         engine::Filter filter = {},
                         int receive_bytes = 0) {
    StreamRequest stream;
    stream.kind = StreamRequest::Kind::sse;
    stream.user = user;
    stream.filter = std::move(filter);
    return testing::SseClient{
        connect(std::move(stream), testing::SseClient::request(), receive_bytes)};
  }

  void publish(const engine::UserId& user, std::string_view description = "") {
    while (broadcaster_->publish(testing::make_event(*broadcaster_, user, description)) !=
           engine::PublishStatus::accepted)
      std::this_thread::yield();
  }

  /// Yields until `state()` holds; throws at the deadline.
  static void wait_for(const std::function<bool()>& state) {
    const auto until = std::chrono::steady_clock::now() + testing::StreamSocket::deadline;
    while (!state()) {
      if (std::chrono::steady_clock::now() > until)
        throw std::runtime_error{"the state did not come before the deadline"};
      std::this_thread::yield();
    }
  }

  /// Runs `work` on the user's shard and waits for it.
  void on_shard(const engine::UserId& user, std::function<void()> work) {
    std::packaged_task<void()> task{std::move(work)};
    auto done = task.get_future();
    asio::post(threads_.impl().context(broadcaster_->shard_of(user)), std::ref(task));
    if (done.wait_for(testing::StreamSocket::deadline) != std::future_status::ready)
      throw std::runtime_error{"the shard did not run the work before the deadline"};
  }

  [[nodiscard]] std::uint64_t subscriptions() const {
    return broadcaster_->metrics().subscriptions;
  }

 private:
  testing::ManualLog* log_;
  ShardThreads threads_;
  SessionSpread spread_;
  std::unique_ptr<engine::Broadcaster> broadcaster_;
  std::vector<std::unique_ptr<StreamHub>> hubs_;
  asio::io_context context_;
  tcp::acceptor acceptor_;
};

}  // namespace carillon::net
