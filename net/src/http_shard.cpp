#include "net/src/http_shard.hpp"

#include "net/src/admission_answer.hpp"
#include "net/src/assert.hpp"
#include "net/src/http_connection.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

namespace carillon::net {
namespace {

constexpr std::uint32_t index_bits = 22;
constexpr std::uint32_t index_mask = (1U << index_bits) - 1;
constexpr std::uint32_t generation_bits = 64 - index_bits - ResponseQueue::number_bits;
constexpr std::uint32_t generation_mask = (1U << generation_bits) - 1;

/// How long a refused client may take to read why, and to close.
constexpr std::chrono::milliseconds refused_linger{1'000};

constexpr std::size_t read_scratch_bytes = std::size_t{64} * 1024;

/// Fine enough that a deadline is late by a quarter at most; never a busy loop.
std::chrono::milliseconds choose_tick(const ServerOptions& options) {
  const auto shortest =
      std::min({options.request_timeout, options.idle_timeout, options.write_timeout,
                options.close_timeout, options.handshake_timeout});
  return std::clamp(shortest / 4, std::chrono::milliseconds{10}, std::chrono::milliseconds{1'000});
}

}  // namespace

std::uint64_t Ticket::to_token() const noexcept {
  return (std::uint64_t{generation} << (index_bits + ResponseQueue::number_bits)) |
         (std::uint64_t{connection} << ResponseQueue::number_bits) | slot;
}

Ticket Ticket::from_token(std::uint64_t token) noexcept {
  return {
      .connection = static_cast<std::uint32_t>(token >> ResponseQueue::number_bits) & index_mask,
      .generation = static_cast<std::uint32_t>(token >> (index_bits + ResponseQueue::number_bits)),
      .slot = static_cast<std::uint32_t>(token) & ResponseQueue::number_mask};
}

HttpShard::HttpShard(NetContext& net, engine::ShardIndex index)
    : net_{net},
      index_{index},
      context_{net.threads->context(index)},
      tick_length_{choose_tick(net.options)},
      event_parser_{net.broadcaster->pool(), net.broadcaster->system_id()},
      timer_{context_},
      read_scratch_(read_scratch_bytes) {
}

HttpShard::~HttpShard() = default;

void HttpShard::start() {
  refresh_common_headers();
  wait_for_tick();
}

void HttpShard::adopt(tcp::socket socket) {
  error_code ignored;
  if (draining_ || (free_.empty() && connections_.size() > index_mask)) {
    socket.close(ignored);
    return;
  }
  AdmissionPass pass;
  if (const auto rejection = net_.admission->admit(socket, pass))
    return refused_.refuse(std::move(socket), refusal_bytes(*rejection, common_headers_), tick_);
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(connections_.size()));
    connections_.emplace_back();
  }
  const auto index = free_.back();
  free_.pop_back();
  auto& entry = connections_[index];
  entry.generation = (entry.generation + 1) & generation_mask;
  entry.connection = std::make_shared<HttpConnection>(
      *this, std::move(socket), std::move(pass),
      Ticket{.connection = index, .generation = entry.generation, .slot = 0});
  ++counters_.connections;
  ++counters_.connections_accepted_total;
  entry.connection->start();
}

void HttpShard::remove(std::uint32_t connection, HttpEnd reason) {
  ++counters_.closed_total[static_cast<std::size_t>(reason)];
  --counters_.connections;
  connections_[connection].connection.reset();
  free_.push_back(connection);
  report_if_drained();
}

void HttpShard::drain(std::function<void()> done) {
  // What lies in a socket was sent before anybody could know: it is a request like any
  // other. What the bounds of what is in flight let lie there is taken as they allow.
  for (std::size_t i = 0; i < connections_.size(); ++i)
    if (const auto connection = connections_[i].connection) connection->read_what_came();
  draining_ = true;
  on_drained_ = std::move(done);
  for (std::size_t i = 0; i < connections_.size(); ++i)
    if (const auto connection = connections_[i].connection) connection->drain();
  report_if_drained();
}

void HttpShard::report_if_drained() {
  if (draining_ && counters_.connections == 0 && on_drained_) std::exchange(on_drained_, nullptr)();
}

void HttpShard::abandon() {
  for (std::size_t i = 0; i < connections_.size(); ++i)
    if (const auto connection = connections_[i].connection) connection->close(HttpEnd::drained);
  refused_.close_all();
  timer_.cancel();
}

HttpConnection* HttpShard::find(Ticket ticket) noexcept {
  if (ticket.connection >= connections_.size()) return nullptr;
  const auto& entry = connections_[ticket.connection];
  return entry.generation == ticket.generation ? entry.connection.get() : nullptr;
}

void HttpShard::touch(HttpConnection& connection) {
  if (std::exchange(connection.touched, true)) return;
  touched_.push_back(connection.shared_from_this());
}

// NOLINTNEXTLINE(bugprone-exception-escape): see the declaration
void HttpShard::on_acks(std::span<engine::Ack> acks) noexcept {
  bring_in([&] { std::move(acks.begin(), acks.end(), std::back_inserter(acks_in_)); });
}

void HttpShard::finish(Ticket ticket, Response response) {
  bring_in([&] { responses_in_.emplace_back(ticket, std::move(response)); });
}

template <class Append>
void HttpShard::bring_in(Append append) {
  const std::lock_guard entering{entrance_mutex_};
  if (inlet_closed_) return;
  {
    const std::lock_guard lock{inlet_mutex_};
    append();
    if (std::exchange(take_posted_, true)) return;
  }
  asio::post(context_, [this] { take_incoming(); });
}

void HttpShard::close_inlet() {
  const std::lock_guard lock{entrance_mutex_};
  inlet_closed_ = true;
}

void HttpShard::take_incoming() {
  {
    const std::lock_guard lock{inlet_mutex_};
    take_posted_ = false;
    acks_taken_.swap(acks_in_);
    responses_taken_.swap(responses_in_);
  }
  for (auto& ack : acks_taken_) {
    const auto ticket = Ticket::from_token(ack.token);
    if (auto* const connection = find(ticket)) {
      connection->on_ack(ticket.slot, ack);
      touch(*connection);
    }
  }
  for (auto& [ticket, response] : responses_taken_) {
    if (auto* const connection = find(ticket)) {
      connection->answer(ticket.slot, response);
      touch(*connection);
    }
  }
  acks_taken_.clear();
  responses_taken_.clear();
  // Only now, so that all answers to one connection leave in one write.
  for (const auto& connection : touched_) {
    connection->touched = false;
    connection->resume();
  }
  touched_.clear();
}

std::uint64_t HttpShard::ticks_of(std::chrono::milliseconds time) const noexcept {
  return static_cast<std::uint64_t>((time + tick_length_ - std::chrono::milliseconds{1}) /
                                    tick_length_);
}

void HttpShard::wait_for_tick() {
  timer_.expires_after(tick_length_);
  timer_.async_wait([this](error_code ec) {
    if (!ec) on_tick();
  });
}

void HttpShard::on_tick() {
  ++tick_;
  refresh_common_headers();
  for (std::size_t i = 0; i < connections_.size(); ++i)
    if (const auto connection = connections_[i].connection) connection->sweep();
  refused_.sweep(tick_, ticks_of(refused_linger));
  wait_for_tick();
}

void HttpShard::refresh_common_headers() {
  const auto second = static_cast<std::int64_t>(std::time(nullptr));
  if (second == common_second_) return;
  common_second_ = second;
  common_headers_ = net_.server_header + date_header(second);
}

void HttpShard::log(engine::LogLevel level, std::string_view message) const {
  if (net_.options.log) net_.options.log(level, message, {});
}

}  // namespace carillon::net
