#pragma once

#include "carillon/engine/broadcaster.hpp"
#include "carillon/engine/inbox.hpp"
#include "carillon/net/server_options.hpp"
#include "net/src/admission.hpp"
#include "net/src/session_spread.hpp"
#include "net/src/shard_threads_impl.hpp"
#include "net/src/stream_hub.hpp"

#include <memory>
#include <string>
#include <vector>

namespace carillon::net {

class HttpShard;

/// What all parts of one server share. Set up by Server::create before the
/// threads start, then only read; `shards` and `hubs` are indexed by shard.
struct NetContext {
  ServerOptions options;
  ShardThreads::Impl* threads = nullptr;
  engine::Broadcaster* broadcaster = nullptr;
  engine::Inbox* inbox = nullptr;
  std::shared_ptr<Admission> admission;
  std::string server_header;  ///< `Server: carillon/1.2\r\n`
  std::unique_ptr<SessionSpread> spread;
  std::vector<std::shared_ptr<HttpShard>> shards;
  std::vector<std::unique_ptr<StreamHub>> hubs;
};

}  // namespace carillon::net
