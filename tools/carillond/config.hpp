#pragma once

#include "carillon/engine/options.hpp"
#include "carillon/net/server_options.hpp"
#include "carillon/persistence/open_store.hpp"
#include "carillon/persistence/store_readers.hpp"
#include "carillon/persistence/write_behind.hpp"
#include "tools/carillond/listen_address.hpp"

#include <chrono>
#include <string>

namespace carillon::carillond {

/// Everything that an operator can set, with the defaults of the components.
/// config_keys.cpp gives each field its name, unit, range and help.
struct Config {
  ListenAddress listen;
  std::string data_dir;  ///< set by default_data_dir() unless configured
  std::string log_level = "info";
  std::string log_format = "text";
  std::string auth = "none";
  bool insecure = false;

  // Bounds and timeouts; what is no operator's choice is set at start-up.
  engine::Options engine;
  net::ServerOptions network;
  persistence::StoreOptions store;  ///< url empty: RocksDB inside the data directory
  persistence::StoreReadersOptions readers;
  persistence::WriteBehindOptions write_behind;
  std::chrono::milliseconds flush_timeout{10'000};
};

/// /var/lib/carillon for root, else $XDG_STATE_HOME/carillon, else
/// ~/.local/state/carillon. Empty if none of these is known.
[[nodiscard]] std::string default_data_dir();

/// The configured store, or RocksDB inside the data directory.
[[nodiscard]] std::string store_url(const Config& config);

}  // namespace carillon::carillond
