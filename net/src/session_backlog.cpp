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
  // Room in front is reused before the text grows: with at least half of it
  // sent, moving the rest costs less than what was sent to get there.
  if (sent_ > 0 && sent_ >= own_.size() / 2) {
    own_.erase(0, sent_);
    sent_ = 0;
  }
  own_.append(whole_frames);
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
  const std::string_view queued =
      arena_ != nullptr ? std::string_view{*arena_}.substr(lent_begin_, lent_end_ - lent_begin_)
                        : std::string_view{own_}.substr(sent_);
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
    sent_ += written;
  }
  return WriteOutcome::blocked;
}

void SessionBacklog::discard() noexcept {
  // Swapped, not cleared, so that an idle session holds no memory.
  std::string{}.swap(own_);
  sent_ = 0;
  arena_ = nullptr;
  lent_begin_ = lent_end_ = 0;
}

void SessionBacklog::keep_lent() {
  if (arena_ == nullptr) return;
  own_.assign(*arena_, lent_begin_, lent_end_ - lent_begin_);
  sent_ = 0;
  arena_ = nullptr;
  lent_begin_ = lent_end_ = 0;
}

}  // namespace carillon::net
