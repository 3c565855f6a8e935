#pragma once

#include "carillon/engine/acknowledgement.hpp"
#include "net/src/admission.hpp"
#include "net/src/asio.hpp"
#include "net/src/http_shard.hpp"
#include "net/src/line_stream.hpp"
#include "net/src/request.hpp"
#include "net/src/request_parser.hpp"
#include "net/src/response_queue.hpp"
#include "net/src/router.hpp"
#include "net/src/stream_hub.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::net {

/// A body over its limit is read and thrown away up to this size, so that the
/// connection can go on; it costs the client's bandwidth and no memory. So is what
/// comes behind the last answer.
inline constexpr std::size_t discarded_body_bytes_max = std::size_t{8} << 20U;

/// One HTTP/1.1 connection: reads, parses what is pipelined, answers in order.
///
/// Role      Made by its HttpShard, which keeps it until close().
/// Threads   Everything: the shard's thread.
/// Order     Answers leave in the order of their requests, all that are ready in
///           one write.
/// Bound     At most pipelined_requests_max requests in flight and about
///           `unsent_bytes_max` bytes of answers; then it stops reading. Unparsed
///           bytes: one read, or an incomplete header within header_bytes_max. A body:
///           its route's limit; with all connections' the admission's receiving_bytes_max.
/// Lifetime  Kept alive by its table entry and by pending operations. close() is
///           idempotent; nothing happens after it.
class HttpConnection final : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(HttpShard& shard, tcp::socket socket, AdmissionPass pass, Ticket self);

  void start();
  /// Gives the answer of a request in flight; resume() sends it.
  void answer(std::uint32_t slot, const ResponseView& response);
  void on_ack(std::uint32_t slot, engine::Ack& ack);
  /// Sends what is ready and goes on with what was held back.
  void resume();
  /// Once a tick: deadlines.
  void sweep();
  /// Before the shard drains: takes what lies in the socket already.
  void read_what_came();
  /// The shard drains: closes if nothing is in flight.
  void drain();
  void close(HttpEnd reason);

  // For the handlers, during a request.
  [[nodiscard]] HttpShard& shard() noexcept { return shard_; }
  [[nodiscard]] Ticket ticket(std::uint32_t slot) const noexcept;
  [[nodiscard]] ResponseSlot& slot(std::uint32_t number) noexcept { return *queue_.find(number); }
  [[nodiscard]] AdmissionPass& pass() noexcept { return pass_; }
  /// No further request is parsed before this one is answered.
  void hold_until_answered(std::uint32_t slot) noexcept { held_ = slot; }
  /// After the answers of earlier requests the socket goes to a StreamHub.
  void become_stream(StreamRequest request);

  bool touched = false;  ///< the shard's mark: already in its list to resume

 private:
  enum class State : std::uint8_t { open, lingering, closed };

  [[nodiscard]] bool can_parse() const noexcept;
  /// What comes now was sent when its sender could know that the server drains.
  [[nodiscard]] bool is_draining() const noexcept {
    return shard_.draining() && early_bytes_left_ == 0;
  }
  [[nodiscard]] bool has_full_queue() const noexcept {
    return queue_.size() >= shard_.net().options.pipelined_requests_max;
  }
  [[nodiscard]] bool has_partial_request() const noexcept {
    return parser_.has_value() || (!pending_.empty() && pending_ != "\r");
  }

  void wait_readable();
  void on_readable(error_code ec);
  [[nodiscard]] bool read_once();
  [[nodiscard]] std::string_view receive(error_code& ec);
  void on_end_of_stream();
  void consume(std::string_view data);
  [[nodiscard]] bool step(std::string_view& data);
  void keep_unparsed(std::string_view data);
  bool count_receiving();

  void on_header();
  void dispatch();
  [[nodiscard]] std::uint32_t push_slot();
  void on_batch_ack(std::uint32_t number, ResponseSlot& slot, const engine::Ack& ack);
  void refuse(const Response& response);  // not early_answer_ itself, which this ends
  void give_up_partial(const Response& response);

  // A batch as a stream of lines.
  [[nodiscard]] std::optional<Response> begin_lines(bool continue_wanted);
  void flush_lines();
  bool advance_lines();
  [[nodiscard]] bool publish_lines();
  void retry_lines_in(std::chrono::microseconds time);
  [[nodiscard]] bool append_results(const ResponseSlot& slot);
  void end_lines(std::string_view last_line);
  void break_lines_off(const Response& refusal);

  void flush();
  void gather();
  void wait_writable();
  void settle();
  void linger(HttpEnd reason);
  void drop(std::size_t bytes);
  void sweep_lingering();
  [[nodiscard]] std::size_t unacknowledged_bytes();
  void hand_over();

  // Of requests that are not whole, as the admission counts it. Here it fills a hole.
  std::uint32_t receiving_bytes_ = 0;
  HttpShard& shard_;
  tcp::socket socket_;
  AdmissionPass pass_;
  const Ticket self_;
  State state_ = State::open;

  Request request_;
  std::optional<RequestParser> parser_;
  Route route_;
  std::optional<Response> early_answer_;  // known from the header alone
  std::string pending_;                   // received, not parsed
  ResponseQueue queue_;
  std::size_t unsent_bytes_ = 0;  // in ready slots
  std::string out_;
  std::size_t out_sent_ = 0;
  std::optional<std::uint32_t> held_;
  std::unique_ptr<StreamRequest> stream_;
  std::unique_ptr<LineStream> lines_;  // until its answer has left

  // That had come when the drain began, for which there was no room yet, and are not parsed.
  std::size_t early_bytes_left_ = 0;

  std::uint64_t opened_at_ = 0;  // ticks, as all of these
  std::uint64_t partial_since_ = 0;
  std::uint64_t idle_since_ = 0;
  std::uint64_t write_since_ = 0;
  // While lingering.
  std::uint64_t linger_since_ = 0;    // since the client has all of it
  std::size_t lingering_unsent_ = 0;  // not acknowledged at the latest tick
  std::size_t dropped_bytes_ = 0;
  HttpEnd linger_reason_ = HttpEnd::peer;

  bool greeted_ = false;  // a whole header has come
  bool reading_ = false;  // a wait is pending
  bool writing_ = false;  // a wait is pending
  bool last_ = false;     // the newest request is the last one answered
  bool end_of_stream_ = false;
  bool continue_due_ = false;  // the client waits for 100 Continue
};

}  // namespace carillon::net
