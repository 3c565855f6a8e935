#pragma once

#include "carillon/engine/acknowledgement.hpp"
#include "carillon/engine/event.hpp"
#include "net/src/response.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace carillon::net {

/// What became of the lines that a stream took in one go, in their order, until it is
/// written. Holds no event: an Ack finds its line by its event's address, which is its
/// own until the Ack is gone.
class LineResults {
 public:
  /// `line` is counted from 1.
  void add_event(std::uint64_t line, const engine::Event& event);
  /// `refusal` as it would answer a publish of its own; its body becomes a line's.
  void add_refusal(std::uint64_t line, const Response& refusal);
  /// Forgets the newest lines from that of `event` on; returns the line's number.
  std::uint64_t forget_from(const engine::Event& event);

  void on_ack(const engine::Ack& ack);
  /// Appends the lines whose outcome is known, up to the first where it is not;
  /// returns how many those are.
  std::size_t append_known(std::string& out);
  /// Everything was appended.
  [[nodiscard]] bool is_complete() const noexcept { return written_ == lines_.size(); }
  /// Neither appended nor forgotten.
  [[nodiscard]] std::size_t size() const noexcept { return lines_.size() - written_; }
  /// The footprints of all events, and the texts of refusals added.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  enum class Outcome : std::uint8_t { open, durable, duplicate, refused };
  struct Line {
    std::uint64_t number = 0;
    const engine::Event* event = nullptr;  // null once the outcome is known
    engine::EventId id{};
    engine::Sequence sequence = 0;
    std::uint32_t refusal = 0;  // in refusals_
    Outcome outcome = Outcome::open;
  };

  void append(std::string& out, const Line& line) const;
  void refuse(Line& line, const Response& refusal);

  std::vector<Line> lines_;
  std::vector<std::string> refusals_;
  std::size_t written_ = 0;
  std::size_t expected_ = 0;  // where the next Ack's line probably is
  std::size_t bytes_ = 0;
};

/// Appends a result line without an event: `{"line":…,<the envelope's members>}`.
void append_refused_line(std::string& out, std::uint64_t line, std::string_view envelope);

}  // namespace carillon::net
