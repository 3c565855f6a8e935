#pragma once

#include "carillon/engine/broadcaster.hpp"
#include "carillon/engine/event_parser.hpp"
#include "net/src/asio.hpp"
#include "net/src/line_reader.hpp"
#include "net/src/line_results.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon::net {

/// The batch that a connection reads as a stream of lines: what of it is parsed, but
/// not published, and how much of it is in flight.
///
/// Threads  The connection's.
/// Order    Lines are published in their order; what the engine does not take now is
///          offered again before any later line.
/// Bound    Lines in flight (without a written result) and their bytes: Limits; a line
///          more may be parsed at the bound of bytes.
class LineStream {
 public:
  struct Limits {
    std::size_t line_bytes_max = 0;
    std::size_t lines_in_flight_max = 0;
    std::size_t bytes_in_flight_max = 0;  ///< of events' blocks and of refusals' texts
  };
  LineStream(asio::io_context& context,
             const engine::Publisher& publisher,
             engine::AckAt ack_at,
             const Limits& limits)
      : retry{context},
        ack_at_{ack_at},
        publisher_{publisher},
        limits_{limits},
        reader_{limits.line_bytes_max} {}

  /// Parses the lines in `body` for which there is room, and takes them out of it.
  /// Null if there was none.
  [[nodiscard]] std::unique_ptr<LineResults> take(std::string& body, engine::EventParser& parser);
  /// Publishes what was taken: all of it, or as much as the engine takes now.
  engine::PublishStatus publish(engine::Broadcaster& broadcaster, engine::AckRequest ack);
  /// The body is complete: a last line needs no newline.
  void end_body() noexcept { body_ended_ = true; }
  /// Gives up what is not published, of the newest results; returns the number of the
  /// first line of which nothing was kept.
  [[nodiscard]] std::uint64_t abandon(LineResults* newest);
  /// So much of the results left.
  void on_written(std::size_t lines, std::size_t bytes) noexcept;

  [[nodiscard]] bool has_unpublished() const noexcept { return published_ < events_.size(); }
  [[nodiscard]] bool has_room() const noexcept { return has_room_beside(0, 0); }
  /// Whether more of the body is wanted.
  [[nodiscard]] bool reads() const noexcept {
    return !body_ended_ && !end_slot && !lines_left_ && !has_unpublished() && has_room();
  }
  [[nodiscard]] bool body_ended() const noexcept { return body_ended_; }
  /// Events that were taken and not yet admitted.
  [[nodiscard]] std::size_t unadmitted() const noexcept {
    return admitted_ ? 0 : events_.size() - published_;
  }
  /// They are: publish() may follow.
  void admit() noexcept { admitted_ = true; }
  [[nodiscard]] const engine::Publisher& publisher() const noexcept { return publisher_; }
  /// Of what the latest take() found, one event came with its publisher's own id.
  [[nodiscard]] bool holds() const noexcept { return own_ids_; }
  [[nodiscard]] engine::AckAt ack_at() const noexcept { return ack_at_; }

  // For the connection.
  asio::steady_timer retry;                 ///< of a publish that had to wait
  bool retry_pending = false;               ///< it runs
  std::optional<std::uint32_t> end_slot{};  ///< with the end of the answer: no more lines
  std::uint32_t newest_slot = 0;            ///< where the latest results wait

 private:
  [[nodiscard]] bool has_room_beside(std::size_t lines, std::size_t bytes) const noexcept {
    return lines_in_flight_ + lines < limits_.lines_in_flight_max &&
           bytes_in_flight_ + bytes < limits_.bytes_in_flight_max;
  }
  void parse(const LineReader::Line& line, engine::EventParser& parser, LineResults& results);

  const engine::AckAt ack_at_;
  const engine::Publisher publisher_;
  const Limits limits_;
  LineReader reader_;
  std::vector<engine::NewEvent> events_;  // of the newest results
  std::size_t published_ = 0;             // of events_
  std::size_t lines_in_flight_ = 0;
  std::size_t bytes_in_flight_ = 0;
  bool own_ids_ = false;
  bool admitted_ = false;
  bool lines_left_ = false;  // the body may hold a whole line for which there was no room
  bool body_ended_ = false;
};

}  // namespace carillon::net
