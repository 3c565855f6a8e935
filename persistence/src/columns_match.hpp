#pragma once

#include "carillon/engine/filter.hpp"
#include "persistence/src/inbox_columns.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace carillon::persistence {

/// One user's inbox in columns, at one moment.
struct InboxView {
  engine::UserId user{};
  std::shared_ptr<const ColumnsView> own;  // null for the nil user
  std::shared_ptr<const ColumnsView> broadcasts;
};

/// Goes through the bits that are set in a word, lowest first.
template <class Row>
void for_each_bit(std::uint64_t word, std::size_t first_row, Row&& row) {
  for (; word != 0; word &= word - 1)
    row(static_cast<std::uint32_t>(first_row + static_cast<std::size_t>(__builtin_ctzll(word))));
}

/// The events of an inbox that pass a filter: a bit per row, and the marked broadcasts
/// one by one, because their state is this user's.
///
/// Threads   One. The view must outlive it.
/// Bound     A bit per row of the inbox, and an entry per marked broadcast that passes.
class MatchedRows {
 public:
  struct Part {
    const Chunk* chunk;
    bool broadcasts;
    std::size_t first_word;  // in words()
    std::uint32_t count;     // of its rows that pass
  };
  struct Marked {
    engine::Sequence sequence;
    std::int64_t created_at;
    engine::EventState state;
  };

  MatchedRows(const InboxView& inbox, const engine::Filter& filter);

  /// In the order of sequences, each owner's one behind the other.
  [[nodiscard]] const std::vector<Part>& parts() const noexcept { return parts_; }
  [[nodiscard]] const std::uint64_t* words(const Part& part) const noexcept {
    return words_.data() + part.first_word;
  }
  [[nodiscard]] const std::vector<Marked>& marked() const noexcept { return marked_; }
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] std::uint64_t read() const noexcept { return read_; }

 private:
  void add_chunk(const Chunk& chunk, const std::vector<Mark>* marks, const engine::Filter& filter);
  void take_marked(const Chunk& chunk,
                   const std::vector<Mark>& marks,
                   const engine::Filter& filter,
                   std::uint64_t* words);

  std::vector<Part> parts_;
  std::vector<std::uint64_t> words_;
  std::vector<Marked> marked_;
  std::uint64_t total_ = 0;
  std::uint64_t read_ = 0;
};

}  // namespace carillon::persistence
