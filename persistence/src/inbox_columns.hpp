#pragma once

#include "carillon/engine/event.hpp"
#include "carillon/engine/inbox.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace carillon::persistence {

/// A bit per row. Its writer may add rows while others read the bits of earlier ones.
class RowBits {
 public:
  static constexpr std::size_t word_bits = 64;
  [[nodiscard]] static constexpr std::size_t words_for(std::size_t rows) noexcept {
    return (rows + word_bits - 1) / word_bits;
  }

  explicit RowBits(std::size_t rows)
      : words_{std::make_unique<std::atomic<std::uint64_t>[]>(words_for(rows))} {}

  // B1 relaxed: a row's bit reaches readers with the view that holds the row, handed
  // over under ColumnsCache's mutex; bits of later rows in its word are masked off.
  [[nodiscard]] std::uint64_t word(std::size_t index) const noexcept {
    return words_[index].load(std::memory_order_relaxed);
  }
  void set_word(std::size_t index, std::uint64_t word) noexcept {
    words_[index].store(word, std::memory_order_relaxed);
  }
  [[nodiscard]] bool test(std::size_t row) const noexcept {
    return ((word(row / word_bits) >> (row % word_bits)) & 1U) != 0;
  }
  /// The one writer.
  void set(std::size_t row, bool value) noexcept {
    const auto bit = std::uint64_t{1} << (row % word_bits);
    const auto before = word(row / word_bits);
    set_word(row / word_bits, value ? before | bit : before & ~bit);
  }

 private:
  std::unique_ptr<std::atomic<std::uint64_t>[]> words_;
};

/// What never changes about a chunk's events, a column each. Numbers are places in the
/// chunk's Vocabulary.
struct EventColumns {
  explicit EventColumns(std::uint32_t rows);

  std::uint32_t capacity;
  std::unique_ptr<engine::Sequence[]> sequence;
  std::unique_ptr<std::int64_t[]> created_at;  // microseconds
  std::unique_ptr<std::uint16_t[]> kind;
  std::unique_ptr<std::uint16_t[]> acted_upon;
  std::unique_ptr<std::uint16_t[]> system_id;
  std::unique_ptr<std::uint16_t[]> owner;
  std::unique_ptr<std::uint32_t[]> text_end;  // in the chunk's text
  std::vector<RowBits> severity;              // which rows have it
};

/// What a change may change.
struct StateColumns {
  explicit StateColumns(std::uint32_t rows);

  std::unique_ptr<std::int64_t[]> updated_at;  // microseconds
  RowBits alive;                               // not deleted
  RowBits read;
};

/// The distinct values of a chunk.
struct Vocabulary {
  std::vector<engine::Kind> kinds;
  std::vector<engine::Uuid> acted_upon;
  std::vector<engine::Uuid> system_ids;
  std::vector<engine::Uuid> owners;
};

/// The descriptions of a chunk one behind the other, decoded, in ASCII lower case.
struct ChunkText {
  explicit ChunkText(std::size_t size)
      : capacity{size}, bytes{std::make_unique_for_overwrite<char[]>(size)} {}
  std::size_t capacity;
  std::unique_ptr<char[]> bytes;
};

/// Times of a chunk's rows lie within; wider than they are after changes.
struct TimeZone {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  std::int64_t last = std::numeric_limits<std::int64_t>::min();
  void include(std::int64_t time) noexcept {
    first = time < first ? time : first;
    last = time > last ? time : last;
  }
};

/// Consecutive events of one owner, at one moment.
struct Chunk {
  std::shared_ptr<EventColumns> events;
  std::shared_ptr<StateColumns> states;
  std::shared_ptr<Vocabulary> vocabulary;
  std::shared_ptr<ChunkText> text;
  std::uint32_t rows = 0;
  std::uint32_t text_bytes = 0;
  TimeZone created;
  TimeZone updated;

  [[nodiscard]] engine::Sequence first_sequence() const noexcept { return events->sequence[0]; }
  [[nodiscard]] engine::Sequence last_sequence() const noexcept {
    return events->sequence[rows - 1];
  }
  [[nodiscard]] std::optional<std::uint32_t> find(engine::Sequence sequence) const noexcept;
};

/// What a user made of an event that is not its own: a broadcast.
struct Mark {
  engine::Sequence sequence = 0;
  engine::EventState state;
};

/// The columns of one owner at one moment. Immutable; any thread.
struct ColumnsView {
  std::vector<std::shared_ptr<const Chunk>> chunks;  // ascending sequences, none empty
  std::shared_ptr<const std::vector<Mark>> marks;    // by sequence; null: none
};

/// The events of one owner (a user, or nil: the broadcasts) in memory, in columns, so
/// that a filter looks at some bytes of each event instead of its row.
///
/// Role      What ColumnsCache keeps up to date, and readers get views of.
/// Threads   One at a time: who builds it, then the store's writer. Views: any thread.
/// Order     Rows by sequence.
/// Bound     bytes(): some 40 an event and its description.
/// Progress  An event is written behind the rows of every view, where no reader looks.
///           A change copies the state of its chunk, once per publish().
/// Lifetime  A view keeps what it shows.
/// Invariant What a view shows is never written again.
class InboxColumns {
 public:
  /// REQUIRES chunk_rows from 1 to 65,535.
  explicit InboxColumns(std::uint32_t chunk_rows) : chunk_rows_{chunk_rows} {}

  /// The event as published. False if it is not behind all others.
  [[nodiscard]] bool append(const engine::EventView& event);
  /// Of an own event or, if there is none of this sequence, of a broadcast.
  void set_state(engine::Sequence event, const engine::EventState& state);
  /// The event was taken out of the history.
  void forget(engine::Sequence event);

  /// All of the above, for readers. Costs a pointer per chunk.
  [[nodiscard]] std::shared_ptr<const ColumnsView> publish();
  /// Of full chunks, and of the others as of the latest publish().
  [[nodiscard]] std::size_t bytes() const noexcept {
    return bytes_ + (marks_ ? marks_->capacity() * sizeof(Mark) : 0);
  }
  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::size_t forgotten() const noexcept { return forgotten_; }

 private:
  /// A chunk of this publish(): what of it no view holds yet.
  struct Own {
    bool chunk = false;
    bool states = false;
    bool vocabulary = false;
  };
  struct Numbers {  // of the open chunk's vocabulary
    std::unordered_map<std::string, std::uint16_t> kinds;
    std::unordered_map<engine::Uuid, std::uint16_t> acted_upon;
    std::unordered_map<engine::Uuid, std::uint16_t> system_ids;
    std::unordered_map<engine::Uuid, std::uint16_t> owners;
  };

  Chunk& open_chunk(std::size_t text_bytes);
  void begin_chunk();
  void count_bytes(std::size_t index);
  void grow(Chunk& chunk) const;
  Chunk& writable(std::size_t index);
  StateColumns& writable_states(std::size_t index);
  Vocabulary& writable_vocabulary();
  [[nodiscard]] std::uint16_t kind_number(const engine::EventView& event);
  [[nodiscard]] std::uint16_t uuid_number(const engine::Uuid& uuid,
                                          std::unordered_map<engine::Uuid, std::uint16_t>& numbers,
                                          std::vector<engine::Uuid> Vocabulary::*values);
  void append_text(Chunk& chunk, std::string_view text);
  void mark(engine::Sequence event, const engine::EventState& state);
  [[nodiscard]] std::optional<std::pair<std::size_t, std::uint32_t>> find(
      engine::Sequence sequence) const;

  const std::uint32_t chunk_rows_;
  std::vector<std::shared_ptr<Chunk>> chunks_;
  std::vector<Own> own_;                  // of each chunk
  std::vector<std::size_t> chunk_bytes_;  // of each chunk, as of publish()
  std::vector<std::size_t> touched_;      // chunks that are `own_`
  std::shared_ptr<std::vector<Mark>> marks_;
  bool own_marks_ = false;
  Numbers numbers_;
  std::string kind_text_;
  std::shared_ptr<const ColumnsView> view_;
  std::size_t bytes_ = 0;
  std::size_t rows_ = 0;
  std::size_t forgotten_ = 0;
};

/// Decoded and in ASCII lower case, as `search` compares it.
void append_searched(std::string& out, std::string_view description_json);
[[nodiscard]] constexpr char ascii_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] inline std::int64_t microseconds(engine::Timestamp time) noexcept {
  return time.time_since_epoch().count();
}

}  // namespace carillon::persistence
