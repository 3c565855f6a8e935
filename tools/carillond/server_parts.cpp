#include "tools/carillond/server_parts.hpp"

#include "tools/carillond/descriptors.hpp"
#include "tools/carillond/store_metrics.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <string_view>
#include <system_error>

namespace carillon::carillond {
namespace {

namespace fs = std::filesystem;
using engine::Errc;
using engine::Error;
using engine::Result;

/// Makes the directory that the default store lies in, for its owner alone.
Result<void> make_data_dir(const std::string& directory) {
  std::error_code error;
  const bool made = fs::create_directories(directory, error);
  if (!error && made) fs::permissions(directory, fs::perms::owner_all, error);
  if (error)
    return Error{Errc::io, fmt::format("the data directory {} can't be made: {}", directory,
                                       error.message())};
  return {};
}

}  // namespace

ServerParts::ServerParts(const Config& config, Logging& logging)
    : config_{config}, logging_{logging} {
}

Result<void> ServerParts::start() {
  if (auto opened = open_store(); !opened) return opened;
  if (auto started = start_engine(); !started) return started;
  return start_network();
}

Result<void> ServerParts::open_store() {
  auto options = config_.store;
  options.url = store_url(config_);
  options.log = logging_.sink();
  if (config_.store.url.empty())
    if (auto made = make_data_dir(config_.data_dir); !made) return made;

  auto opened = persistence::open_store(options);
  if (!opened)
    return Error{opened.error().code,
                 fmt::format("the store {} can't be opened: {}",
                             persistence::shown_store_url(options.url), opened.error().text())};
  store_ = *std::move(opened);
  readers_.emplace(config_.readers);
  backup_.emplace(*store_, *readers_, logging_.sink());
  return {};
}

Result<void> ServerParts::start_engine() {
  threads_.emplace(config_.engine.shards);
  auto log_options = config_.write_behind;
  log_options.shards = threads_->shards();
  log_.emplace(*store_, *readers_, log_options, logging_.sink());

  auto options = config_.engine;
  options.shards = threads_->shards();
  options.waker = &*threads_;
  options.system_id = store_->identity().system_id;
  auto created = engine::Broadcaster::create(options, &*log_);
  if (!created) return created.error();
  broadcaster_ = *std::move(created);
  inbox_.emplace(*store_, *readers_, *log_);
  return {};
}

Result<void> ServerParts::start_network() {
  auto options = config_.network;
  options.host = config_.listen.host;
  options.port = config_.listen.port;
  options.local_user = store_->identity().local_user;
  options.version = CARILLON_VERSION;
  options.log = logging_.sink();
  options.log_level = {.get = [this] { return logging_.level(); },
                       .set = [this](const std::string& word) { return logging_.set_level(word); },
                       .available = Logging::levels()};
  options.backup = [this](std::string directory, persistence::OnlineBackup::Done done) {
    backup_->begin(std::move(directory), std::move(done));
  };
  options.more_metrics = [this](std::vector<net::MetricSample>& samples) {
    add_store_metrics(*log_, *store_, samples);
    add_descriptor_metrics(samples);
  };
  auto created = net::Server::create(options, *threads_, *broadcaster_, *inbox_);
  if (!created) return created.error();
  server_ = *std::move(created);
  return {};
}

void ServerParts::drain() {
  server_->drain();
  threads_->stop();
  broadcaster_->stop();
}

// The broadcaster may have looked up publishers' ids to its end, and the log reports to
// it, so the readers are the last.
ServerParts::Flushed ServerParts::flush() {
  if (!log_->stop(config_.flush_timeout)) return Flushed::hung;
  readers_->stop();
  return log_->metrics().abandoned_total == 0 ? Flushed::all : Flushed::abandoned;
}

}  // namespace carillon::carillond
