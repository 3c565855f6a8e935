#include "net/src/session_backlog.hpp"

#include <utility>

namespace carillon::net {

SessionBacklog::SessionBacklog(tcp::socket socket) : socket_{std::move(socket)} {
  error_code ignored;  // of a connection that is already gone: the first write says so
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay{true}, ignored);
}

void SessionBacklog::append(std::string_view whole_frames) {
  keep_lent();
  if (own_ == nullptr) own_ = std::make_unique<Own>();
  auto& [bytes, sent] = *own_;
  // Room in front is reused before the text grows: with at least half of it
  // sent, moving the rest costs less than what was sent to get there.
  if (sent > 0 && sent >= bytes.size() / 2) {
    bytes.erase(0, sent);
    sent = 0;
  }
  bytes.append(whole_frames);
}

void SessionBacklog::lend(const SharedBytes& whole_frames) {
  if (arena_ == whole_frames.arena && lent_end_ == whole_frames.begin) {
    lent_end_ = whole_frames.end;
    return;
  }
  if (bytes() > 0) {
    append(std::string_view{*whole_frames.arena}.substr(whole_frames.begin, whole_frames.size()));
    return;
  }
  arena_ = whole_frames.arena;
  lent_begin_ = whole_frames.begin;
  lent_end_ = whole_frames.end;
}

SessionBacklog::WriteOutcome SessionBacklog::write() {
  std::string_view queued;
  if (arena_ != nullptr) {
    queued = std::string_view{*arena_}.substr(lent_begin_, lent_end_ - lent_begin_);
  } else if (own_ != nullptr) {
    queued = std::string_view{own_->bytes}.substr(own_->sent);
  }
  if (queued.empty()) return WriteOutcome::drained;

  error_code error;
  const std::size_t written = socket_.write_some(asio::buffer(queued), error);
  if (error && error != asio::error::would_block && error != asio::error::try_again)
    return WriteOutcome::failed;
  if (written == queued.size()) {
    discard();
    return WriteOutcome::drained;
  }
  if (arena_ != nullptr) {
    lent_begin_ += written;
    keep_lent();
  } else {
    own_->sent += written;
  }
  return WriteOutcome::blocked;
}

void SessionBacklog::discard() noexcept {
  own_.reset();
  arena_ = nullptr;
  lent_begin_ = lent_end_ = 0;
}

void SessionBacklog::keep_lent() {
  if (arena_ == nullptr) return;
  own_ = std::make_unique<Own>();
  own_->bytes.assign(*arena_, lent_begin_, lent_end_ - lent_begin_);
  arena_ = nullptr;
  lent_begin_ = lent_end_ = 0;
}

}  // namespace carillon::net
