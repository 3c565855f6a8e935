#include "carillon/net/server.hpp"

#include "net/src/http_shard.hpp"
#include "net/src/listener.hpp"
#include "net/src/net_context.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

namespace carillon::net {
namespace {

/// Counts down as the parts of a draining server report; shared with them,
/// because they may report after the wait was given up.
class Countdown {
 public:
  explicit Countdown(std::size_t parts) : left_{parts} {}

  void count() {
    const std::lock_guard lock{mutex_};
    if (--left_ == 0) done_.notify_all();
  }

  bool wait_for(std::chrono::milliseconds time) {
    std::unique_lock lock{mutex_};
    return done_.wait_for(lock, time, [this] { return left_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  std::size_t left_;
};

}  // namespace

struct Server::Impl {
  Impl(const ServerOptions& options,
       ShardThreads& shard_threads,
       engine::Broadcaster& broadcaster,
       engine::Inbox& inbox)
      : threads{shard_threads} {
    net.options = options;
    net.threads = &shard_threads.impl();
    net.broadcaster = &broadcaster;
    net.inbox = &inbox;
    net.admission = std::make_shared<Admission>(options.limits);
    net.spread = std::make_unique<SessionSpread>(shard_threads.shards(), options.home_sessions_max);
    net.server_header = "Server: carillon";
    if (!options.version.empty()) net.server_header += "/" + options.version;
    net.server_header += "\r\n";
  }

  void start() {
    threads.impl().log = net.options.log;
    for (engine::ShardIndex shard = 0; shard < threads.shards(); ++shard) {
      auto& context = net.threads->context(shard);
      net.hubs.push_back(std::make_unique<StreamHub>(context, *net.broadcaster, net.options, shard,
                                                     net.admission));
      net.shards.push_back(std::make_shared<HttpShard>(net, shard));
      net.shards.back()->start();
    }
    for (const auto& listener : listeners)
      listener->accept();
    threads.start([this](engine::ShardIndex shard) {
      const bool more = net.broadcaster->run_turn(shard);
      net.hubs[shard]->flush();
      return more;
    });
  }

  engine::Result<void> listen() {
    listeners.push_back(std::make_shared<Listener>(net));
    const auto bound = listeners.back()->open(net.options.host, net.options.port);
    if (!bound) return bound.error();
    port = *bound;
    if (!net.options.both_loopbacks || net.options.host != "127.0.0.1") return {};
    // As well as can be: a machine without IPv6 is none the worse for it.
    const auto other = std::make_shared<Listener>(net);
    if (other->open("::1", port)) listeners.push_back(other);
    return {};
  }

  void drain();

  ShardThreads& threads;
  NetContext net;
  std::vector<std::shared_ptr<Listener>> listeners;
  std::uint16_t port = 0;
};

void Server::Impl::drain() {
  const auto countdown = std::make_shared<Countdown>(2 * net.shards.size());
  for (const auto& listener : listeners)
    asio::post(net.threads->context(0), [listener] { listener->close(); });
  for (engine::ShardIndex shard = 0; shard < threads.shards(); ++shard) {
    asio::post(net.threads->context(shard), [this, shard, countdown] {
      net.shards[shard]->drain([countdown] { countdown->count(); });
      net.hubs[shard]->drain([countdown] { countdown->count(); });
    });
  }
  if (!countdown->wait_for(net.options.drain_timeout) && net.options.log)
    net.options.log(engine::LogLevel::warning,
                    "not every connection was closed in the time to drain", {});
}

engine::Result<std::unique_ptr<Server>> Server::create(const ServerOptions& options,
                                                       ShardThreads& threads,
                                                       engine::Broadcaster& broadcaster,
                                                       engine::Inbox& inbox) {
  if (threads.shards() != broadcaster.shards())
    return engine::Error{engine::Errc::invalid_argument,
                         "the broadcaster must have as many shards as there are shard threads"};
  auto impl = std::make_unique<Impl>(options, threads, broadcaster, inbox);
  if (auto listening = impl->listen(); !listening) return listening.error();
  impl->start();
  return std::unique_ptr<Server>{new Server{std::move(impl)}};
}

Server::Server(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {
}

Server::~Server() {
  impl_->threads.stop();
  for (const auto& listener : impl_->listeners)
    listener->close();
  for (const auto& shard : impl_->net.shards) {
    shard->close_inlet();
    shard->abandon();
  }
}

std::uint16_t Server::port() const noexcept {
  return impl_->port;
}

void Server::set_limits(const AdmissionLimits& limits) {
  impl_->net.admission->set_limits(limits);
}

void Server::drain() {
  impl_->drain();
}

}  // namespace carillon::net
