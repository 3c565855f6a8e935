#pragma once

#include "carillon/engine/broadcaster.hpp"
#include "carillon/engine/inbox.hpp"
#include "carillon/net/server.hpp"
#include "carillon/net/shard_threads.hpp"
#include "tests/fuzz/require.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace carillon::fuzz {

/// An inbox in which nothing ever is.
class EmptyInbox final : public engine::Inbox {
 public:
  void list(engine::ListQuery query, Done<engine::EventPage> done) override {
    engine::EventPage page;
    page.page = query.page;
    page.page_size = query.page_size;
    done(std::move(page));
  }
  void get(const engine::UserId&, const engine::EventId&, Done<std::string> done) override {
    done(engine::Errc::not_found);
  }
  void aggregate(const engine::UserId&, Done<engine::Aggregate> done) override {
    done(engine::Aggregate{});
  }
  void kinds(const engine::UserId&, Done<std::vector<engine::Kind>> done) override {
    done(std::vector<engine::Kind>{});
  }
  [[nodiscard]] engine::InboxHealth health() const override { return {}; }
};

/// The whole front end on a free port of the loopback, over an engine without a
/// log: it keeps nothing of one input that the next could meet. Its limits are
/// small, so that short inputs reach them.
class WireServer {
 public:
  WireServer() : threads_{1} {
    engine::Options engine_options;
    engine_options.shards = threads_.shards();
    engine_options.waker = &threads_;
    broadcaster_ = *engine::Broadcaster::create(engine_options, nullptr);
    net::ServerOptions options;
    options.port = 0;
    options.both_loopbacks = false;
    options.local_user = *engine::parse_uuid("11111111-1111-1111-1111-111111111111");
    options.version = "fuzz";
    options.header_bytes_max = 1024;
    options.event_bytes_max = 1024;
    options.body_bytes_max = 2048;
    options.websocket_message_bytes_max = 2048;
    options.batch_events_max = 8;
    options.pipelined_requests_max = 4;
    auto server = net::Server::create(options, threads_, *broadcaster_, inbox_);
    CARILLON_FUZZ_REQUIRE(static_cast<bool>(server));
    server_ = *std::move(server);
  }
  ~WireServer() {
    server_->drain();
    threads_.stop();
    broadcaster_->stop();
  }
  WireServer(const WireServer&) = delete;
  WireServer& operator=(const WireServer&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return server_->port(); }

 private:
  EmptyInbox inbox_;
  net::ShardThreads threads_;
  std::unique_ptr<engine::Broadcaster> broadcaster_;
  std::unique_ptr<net::Server> server_;
};

}  // namespace carillon::fuzz
