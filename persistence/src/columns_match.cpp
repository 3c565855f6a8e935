#include "persistence/src/columns_match.hpp"

#include "persistence/src/text_search.hpp"

#include <algorithm>
#include <bit>
#include <string>
#include <string_view>

namespace carillon::persistence {
namespace {

using engine::Filter;
using engine::Status;
using engine::Uuid;

/// Rows of one chunk that still pass, narrowed by one field after the other.
class ChunkMatch {
 public:
  ChunkMatch(const Chunk& chunk, std::uint64_t* words)
      : chunk_{chunk}, words_{words}, count_{RowBits::words_for(chunk.rows)} {}

  void begin() {
    for (std::size_t i = 0; i < count_; ++i)
      words_[i] = chunk_.states->alive.word(i);
    if (const auto rest = chunk_.rows % RowBits::word_bits; rest != 0)
      words_[count_ - 1] &= (std::uint64_t{1} << rest) - 1;
  }

  void keep_severities(const std::vector<engine::Severity>& severities) {
    if (severities.empty()) return;
    for (std::size_t i = 0; i < count_; ++i) {
      std::uint64_t any = 0;
      for (const auto severity : severities)
        any |= chunk_.events->severity[static_cast<std::size_t>(severity)].word(i);
      words_[i] &= any;
    }
  }

  void keep_created(const Filter& filter) {
    const auto from = filter.from ? microseconds(*filter.from) : chunk_.created.first;
    const auto to = filter.to ? microseconds(*filter.to) : chunk_.created.last;
    if (from <= chunk_.created.first && to >= chunk_.created.last) return;
    if (from > chunk_.created.last || to < chunk_.created.first) return clear();
    const auto* times = chunk_.events->created_at.get();
    keep([&](std::uint32_t row) { return times[row] >= from && times[row] <= to; });
  }

  void keep_kinds(const Filter& filter) {
    if (filter.categories.empty() && filter.actions.empty()) return;
    const auto asks_for = [](const std::vector<std::string>& words, const std::string& word) {
      return words.empty() || std::find(words.begin(), words.end(), word) != words.end();
    };
    keep_numbers(chunk_.vocabulary->kinds, chunk_.events->kind.get(), [&](const auto& kind) {
      return asks_for(filter.categories, kind.category) && asks_for(filter.actions, kind.action);
    });
  }

  void keep_uuids(const std::vector<Uuid>& wanted,
                  const std::vector<Uuid>& values,
                  const std::uint16_t* column) {
    if (wanted.empty()) return;
    keep_numbers(values, column, [&](const Uuid& uuid) {
      return std::find(wanted.begin(), wanted.end(), uuid) != wanted.end();
    });
  }

  void keep_status(Status status) {
    for (std::size_t i = 0; i < count_; ++i) {
      const auto read = chunk_.states->read.word(i);
      words_[i] &= status == Status::read ? read : ~read;
    }
  }

  /// REQUIRES lower case.
  void keep_found(std::string_view part) {
    if (part.empty() || is_clear()) return;
    const std::string_view text{chunk_.text->bytes.get(), chunk_.text_bytes};
    const auto* ends = chunk_.events->text_end.get();
    std::size_t word = 0;
    std::uint64_t found = 0;
    const auto finish_words_before = [&](std::size_t end) {
      for (; word < end; ++word, found = 0)
        words_[word] &= found;
    };
    std::size_t row = 0;
    for (std::size_t at = find_text(text, part, 0); at != std::string_view::npos;) {
      while (ends[row] <= at)
        ++row;
      const bool within = at + part.size() <= ends[row];
      if (within) {
        finish_words_before(row / RowBits::word_bits);
        found |= std::uint64_t{1} << (row % RowBits::word_bits);
      }
      at = find_text(text, part, within ? ends[row] : at + 1);
    }
    finish_words_before(count_);
  }

  void clear() { std::fill_n(words_, count_, std::uint64_t{0}); }
  [[nodiscard]] bool is_clear() const {
    return std::all_of(words_, words_ + count_, [](std::uint64_t word) { return word == 0; });
  }

 private:
  template <class Passes>
  void keep(Passes&& passes) {
    for (std::size_t i = 0; i < count_; ++i) {
      std::uint64_t kept = 0;
      for_each_bit(words_[i], i * RowBits::word_bits, [&](std::uint32_t row) {
        kept |= std::uint64_t{passes(row)} << (row % RowBits::word_bits);
      });
      words_[i] = kept;
    }
  }

  template <class Value, class Wanted>
  void keep_numbers(const std::vector<Value>& values,
                    const std::uint16_t* column,
                    Wanted&& wanted) {
    std::vector<std::uint8_t> passes(values.size());
    std::size_t passing = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      passes[i] = wanted(values[i]) ? 1 : 0;
      passing += passes[i];
    }
    if (passing == values.size()) return;
    if (passing == 0) return clear();
    keep([&](std::uint32_t row) { return passes[column[row]] != 0; });
  }

  const Chunk& chunk_;
  std::uint64_t* words_;
  std::size_t count_;
};

std::size_t words_of(const std::shared_ptr<const ColumnsView>& view) {
  std::size_t words = 0;
  if (view)
    for (const auto& chunk : view->chunks)
      words += RowBits::words_for(chunk->rows);
  return words;
}

}  // namespace

MatchedRows::MatchedRows(const InboxView& inbox, const Filter& asked) {
  words_.resize(words_of(inbox.own) + words_of(inbox.broadcasts));
  auto filter = asked;
  std::transform(filter.search.begin(), filter.search.end(), filter.search.begin(), ascii_lower);
  const std::vector<Mark>* marks = nullptr;
  if (inbox.own) {
    marks = inbox.own->marks.get();
    const bool asks_for_others =
        !filter.owners.empty() &&
        std::find(filter.owners.begin(), filter.owners.end(), inbox.user) == filter.owners.end();
    if (!asks_for_others)
      for (const auto& chunk : inbox.own->chunks)
        add_chunk(*chunk, nullptr, filter);
  }
  static const std::vector<Mark> none;
  if (inbox.broadcasts)
    for (const auto& chunk : inbox.broadcasts->chunks)
      add_chunk(*chunk, marks != nullptr ? marks : &none, filter);
  for (const auto& row : marked_)
    read_ += static_cast<std::uint64_t>(row.state.status == Status::read);
  total_ += marked_.size();
}

void MatchedRows::add_chunk(const Chunk& chunk,
                            const std::vector<Mark>* marks,
                            const Filter& filter) {
  const auto count = RowBits::words_for(chunk.rows);
  const auto first =
      parts_.empty() ? 0 : parts_.back().first_word + RowBits::words_for(parts_.back().chunk->rows);
  auto* words = words_.data() + first;
  ChunkMatch match{chunk, words};
  match.begin();
  match.keep_severities(filter.severities);
  match.keep_created(filter);
  if (marks == nullptr && filter.status) match.keep_status(*filter.status);
  match.keep_kinds(filter);
  const auto& vocabulary = *chunk.vocabulary;
  match.keep_uuids(filter.acted_upon, vocabulary.acted_upon, chunk.events->acted_upon.get());
  match.keep_uuids(filter.system_ids, vocabulary.system_ids, chunk.events->system_id.get());
  match.keep_uuids(filter.owners, vocabulary.owners, chunk.events->owner.get());
  match.keep_found(filter.search);
  if (marks != nullptr) {
    take_marked(chunk, *marks, filter, words);
    if (filter.status) match.keep_status(*filter.status);
  }
  std::uint32_t passing = 0;
  for (std::size_t i = 0; i < count; ++i) {
    passing += static_cast<std::uint32_t>(std::popcount(words[i]));
    read_ += static_cast<std::uint64_t>(std::popcount(words[i] & chunk.states->read.word(i)));
  }
  total_ += passing;
  parts_.push_back(
      {.chunk = &chunk, .broadcasts = marks != nullptr, .first_word = first, .count = passing});
}

void MatchedRows::take_marked(const Chunk& chunk,
                              const std::vector<Mark>& marks,
                              const Filter& filter,
                              std::uint64_t* words) {
  auto mark = std::lower_bound(
      marks.begin(), marks.end(), chunk.first_sequence(),
      [](const Mark& before, engine::Sequence first) { return before.sequence < first; });
  for (; mark != marks.end() && mark->sequence <= chunk.last_sequence(); ++mark) {
    const auto row = chunk.find(mark->sequence);
    if (!row) continue;
    auto& word = words[*row / RowBits::word_bits];
    const auto bit = std::uint64_t{1} << (*row % RowBits::word_bits);
    if ((word & bit) == 0) continue;
    word &= ~bit;
    if (mark->state.deleted_at || (filter.status && *filter.status != mark->state.status)) continue;
    marked_.push_back({.sequence = mark->sequence,
                       .created_at = chunk.events->created_at[*row],
                       .state = mark->state});
  }
}

}  // namespace carillon::persistence
