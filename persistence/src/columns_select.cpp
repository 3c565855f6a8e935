#include "persistence/src/columns_select.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <compare>
#include <limits>
#include <random>

namespace carillon::persistence {
namespace {

using engine::Sequence;
using engine::SortKey;
using engine::Status;

/// The order of a list, ascending.
struct Key {
  std::int64_t time = 0;
  Sequence sequence = 0;
  friend auto operator<=>(const Key&, const Key&) = default;
};

constexpr Key before_all{std::numeric_limits<std::int64_t>::min(), 0};
constexpr Key behind_all{std::numeric_limits<std::int64_t>::max(),
                         std::numeric_limits<Sequence>::max()};

PageRow row_of(const Chunk& chunk, bool broadcast, std::uint32_t row, std::int64_t time) {
  const auto at = [](std::int64_t us) { return engine::Timestamp{std::chrono::microseconds{us}}; };
  return {.time = at(time),
          .sequence = chunk.events->sequence[row],
          .state = {.status = chunk.states->read.test(row) ? Status::read : Status::unread,
                    .updated_at = at(chunk.states->updated_at[row]),
                    .deleted_at = {}},
          .broadcast = broadcast};
}

/// Finds the rows of a range of ranks among the matched rows. Each round samples the
/// keys that may lie in it, and counts the rows before two of them: what lies outside is
/// out of question then. Chunks whose times lie on one side are not looked into.
class RankSelection {
 public:
  RankSelection(const MatchedRows& matched, SortKey sort) : matched_{matched}, sort_{sort} {
    inside_.reserve(matched.parts().size());
    for (const auto& part : matched.parts())
      inside_.push_back(part.count);
    inside_total_ = matched.total();
  }

  /// Rows of the ranks from `first` to before `last`, ascending.
  std::vector<PageRow> take(std::uint64_t first, std::uint64_t last) {
    const auto few = 16'384 + 4 * (last - first);
    while (inside_total_ > few && narrow(first, last)) {
    }
    auto rows = gather();
    const auto by_key = [](const PageRow& a, const PageRow& b) { return key(a) < key(b); };
    const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(first - below_);
    const auto end = rows.begin() + static_cast<std::ptrdiff_t>(last - below_);
    std::nth_element(rows.begin(), begin, rows.end(), by_key);
    std::partial_sort(begin, end, rows.end(), by_key);
    return {begin, end};
  }

 private:
  using Part = MatchedRows::Part;
  static constexpr std::size_t samples = 512;
  static constexpr std::size_t margin = 16;  // samples on either side of the wanted ranks

  [[nodiscard]] const std::int64_t* times(const Chunk& chunk) const {
    return sort_ == SortKey::created_at ? chunk.events->created_at.get()
                                        : chunk.states->updated_at.get();
  }
  [[nodiscard]] const TimeZone& zone(const Chunk& chunk) const {
    return sort_ == SortKey::created_at ? chunk.created : chunk.updated;
  }
  [[nodiscard]] Key key(const MatchedRows::Marked& row) const {
    return {sort_ == SortKey::created_at ? row.created_at : microseconds(row.state.updated_at),
            row.sequence};
  }
  [[nodiscard]] static Key key(const PageRow& row) {
    return {microseconds(row.time), row.sequence};
  }
  [[nodiscard]] bool is_inside(const Key& key) const { return key >= low_ && key < high_; }
  [[nodiscard]] bool whole_inside(const Part& part, std::uint32_t inside) const {
    return part.count == inside;
  }

  template <class Row>
  void for_each(const Part& part, Row&& row) const {
    const auto* words = matched_.words(part);
    for (std::size_t i = 0; i < RowBits::words_for(part.chunk->rows); ++i)
      for_each_bit(words[i], i * RowBits::word_bits, row);
  }

  /// False if there is nothing to gain.
  bool narrow(std::uint64_t first, std::uint64_t last) {
    auto keys = sample();
    std::sort(keys.begin(), keys.end());
    const auto place = [&](std::uint64_t rank) {
      return static_cast<std::size_t>(static_cast<double>(rank - below_) /
                                      static_cast<double>(inside_total_) *
                                      static_cast<double>(keys.size()));
    };
    const auto begin = place(first);
    const auto end = place(last) + 1 + margin;
    const auto lower = begin > margin ? keys[begin - margin] : low_;
    const auto upper = end < keys.size() ? keys[end] : high_;
    if (lower == low_ && upper == high_) return false;
    return cut(lower, upper, first, last);
  }

  /// Counts the rows before each of the two keys; keeps the part that holds the ranks.
  bool cut(const Key& lower, const Key& upper, std::uint64_t first, std::uint64_t last) {
    std::vector<Counts> counts(inside_.size());
    Counts sum;
    for (std::size_t i = 0; i < inside_.size(); ++i) {
      counts[i] = count_before(matched_.parts()[i], inside_[i], lower, upper);
      sum.lower += counts[i].lower;
      sum.upper += counts[i].upper;
    }
    for (const auto& row : matched_.marked())
      if (is_inside(key(row))) count(key(row), lower, upper, sum);
    auto from = below_;
    auto to = below_ + inside_total_;
    const auto middle = below_ + sum.lower;
    const auto end = below_ + sum.upper;
    const auto cut_low = first >= end ? 2 : first >= middle ? 1 : 0;
    const auto cut_high = last <= middle ? 2 : last <= end ? 1 : 0;
    if (cut_low != 0) {
      from = cut_low == 2 ? end : middle;
      low_ = cut_low == 2 ? upper : lower;
    }
    if (cut_high != 0) {
      to = cut_high == 2 ? middle : end;
      high_ = cut_high == 2 ? lower : upper;
    }
    for (std::size_t i = 0; i < inside_.size(); ++i) {
      const auto& part = counts[i];
      const auto part_from = cut_low == 2 ? part.upper : cut_low == 1 ? part.lower : 0;
      const auto part_to = cut_high == 2 ? part.lower : cut_high == 1 ? part.upper : inside_[i];
      inside_[i] = static_cast<std::uint32_t>(part_to - part_from);
    }
    const bool gained = to - from < inside_total_;
    below_ = from;
    inside_total_ = to - from;
    return gained;
  }

  struct Counts {
    std::uint64_t lower = 0;
    std::uint64_t upper = 0;
  };
  static void count(const Key& key, const Key& lower, const Key& upper, Counts& into) {
    into.lower += static_cast<std::uint64_t>(key < lower);
    into.upper += static_cast<std::uint64_t>(key < upper);
  }

  [[nodiscard]] Counts count_before(const Part& part,
                                    std::uint32_t inside,
                                    const Key& lower,
                                    const Key& upper) const {
    if (inside == 0) return {};
    const auto& times_of = zone(*part.chunk);
    if (times_of.first > upper.time) return {};
    if (times_of.last < lower.time) return {inside, inside};
    if (times_of.first > lower.time && times_of.last < upper.time) return {0, inside};
    Counts counts;
    const auto* time = times(*part.chunk);
    const auto* sequence = part.chunk->events->sequence.get();
    const bool whole = whole_inside(part, inside);
    for_each(part, [&](std::uint32_t row) {
      const Key at{time[row], sequence[row]};
      if (whole || is_inside(at)) count(at, lower, upper, counts);
    });
    return counts;
  }

  /// Keys of random rows inside, evenly spread over their places.
  std::vector<Key> sample() {
    std::vector<Key> keys;
    keys.reserve(samples);
    const double stride = static_cast<double>(inside_total_) / static_cast<double>(samples);
    std::uniform_real_distribution<double> within{0, 1};
    std::uint64_t passed = 0;
    std::size_t wanted = 0;
    const auto next = [&] {
      return static_cast<std::uint64_t>((static_cast<double>(wanted) + within(random_)) * stride);
    };
    auto rank = next();
    const auto take_until = [&](std::uint64_t end, auto&& key_at) {
      while (wanted < samples && rank < end) {
        keys.push_back(key_at(rank - passed));
        ++wanted;
        rank = std::max(rank, next());
      }
      passed = end;
    };
    for (std::size_t i = 0; i < inside_.size(); ++i) {
      const auto& part = matched_.parts()[i];
      if (inside_[i] == 0) continue;
      if (rank < passed + inside_[i]) {
        list_inside(part, inside_[i]);
        take_until(passed + inside_[i], [&](std::uint64_t at) { return listed_[at]; });
      } else {
        passed += inside_[i];
      }
    }
    for (const auto& row : matched_.marked())
      if (is_inside(key(row))) take_until(passed + 1, [&](std::uint64_t) { return key(row); });
    return keys;
  }

  void list_inside(const Part& part, std::uint32_t inside) {
    listed_.clear();
    listed_.reserve(inside);
    const auto* time = times(*part.chunk);
    const auto* sequence = part.chunk->events->sequence.get();
    for_each(part, [&](std::uint32_t row) {
      const Key at{time[row], sequence[row]};
      if (is_inside(at)) listed_.push_back(at);
    });
  }

  std::vector<PageRow> gather() const {
    std::vector<PageRow> rows;
    rows.reserve(inside_total_);
    for (std::size_t i = 0; i < inside_.size(); ++i) {
      const auto& part = matched_.parts()[i];
      if (inside_[i] == 0) continue;
      const auto* time = times(*part.chunk);
      for_each(part, [&](std::uint32_t row) {
        if (is_inside({time[row], part.chunk->events->sequence[row]}))
          rows.push_back(row_of(*part.chunk, part.broadcasts, row, time[row]));
      });
    }
    for (const auto& row : matched_.marked())
      if (is_inside(key(row)))
        rows.push_back({.time = engine::Timestamp{std::chrono::microseconds{key(row).time}},
                        .sequence = row.sequence,
                        .state = row.state,
                        .broadcast = true});
    return rows;
  }

  const MatchedRows& matched_;
  SortKey sort_;
  Key low_ = before_all;
  Key high_ = behind_all;  // exclusive
  std::uint64_t below_ = 0;
  std::uint64_t inside_total_ = 0;
  std::vector<std::uint32_t> inside_;  // of each part, how many rows
  std::vector<Key> listed_;
  std::minstd_rand random_;
};

/// Rows of one owner behind one sequence and up to another.
struct Between {
  bool broadcasts;
  Sequence after;
  Sequence last;
};

void take_ascending(const MatchedRows& matched,
                    const Between& range,
                    std::uint64_t count,
                    std::vector<PageRow>& rows) {
  std::uint64_t taken = 0;
  for (const auto& part : matched.parts()) {
    if (part.broadcasts != range.broadcasts || part.count == 0) continue;
    if (part.chunk->last_sequence() <= range.after) continue;
    if (taken >= count || part.chunk->first_sequence() > range.last) return;
    const auto* words = matched.words(part);
    for (std::size_t i = 0; i < RowBits::words_for(part.chunk->rows) && taken < count; ++i)
      for_each_bit(words[i], i * RowBits::word_bits, [&](std::uint32_t row) {
        const auto sequence = part.chunk->events->sequence[row];
        if (taken >= count || sequence <= range.after || sequence > range.last) return;
        rows.push_back(row_of(*part.chunk, part.broadcasts, row, 0));
        ++taken;
      });
  }
}

void take_descending(const MatchedRows& matched,
                     const Between& range,
                     std::uint64_t count,
                     std::vector<PageRow>& rows) {
  std::uint64_t taken = 0;
  for (auto part = matched.parts().rbegin(); part != matched.parts().rend(); ++part) {
    if (part->broadcasts != range.broadcasts || part->count == 0) continue;
    if (part->chunk->first_sequence() > range.last) continue;
    if (taken >= count) return;
    const auto* words = matched.words(*part);
    for (auto i = RowBits::words_for(part->chunk->rows); i > 0 && taken < count; --i) {
      for (auto word = words[i - 1]; word != 0 && taken < count;) {
        const auto bit = static_cast<std::uint32_t>(63 - std::countl_zero(word));
        word &= ~(std::uint64_t{1} << bit);
        const auto row = static_cast<std::uint32_t>((i - 1) * RowBits::word_bits) + bit;
        if (part->chunk->events->sequence[row] > range.last) continue;
        rows.push_back(row_of(*part->chunk, part->broadcasts, row, 0));
        ++taken;
      }
    }
  }
}

}  // namespace

std::vector<PageRow> select_slice(const MatchedRows& matched, const Slice& slice) {
  const auto total = matched.total();
  if (slice.skip >= total || slice.count == 0) return {};
  const auto count = std::min(slice.count, total - slice.skip);
  RankSelection selection{matched, slice.sort};
  if (!slice.descending) return selection.take(slice.skip, slice.skip + count);
  auto rows = selection.take(total - slice.skip - count, total - slice.skip);
  std::reverse(rows.begin(), rows.end());
  return rows;
}

std::vector<PageRow> select_from_position(const MatchedRows& matched,
                                          const engine::ListQuery& query,
                                          std::uint64_t count) {
  constexpr auto end = std::numeric_limits<Sequence>::max();
  const bool ascending = query.after.has_value();
  std::vector<PageRow> rows;
  for (const bool broadcasts : {false, true}) {
    const auto part = [&](const std::optional<engine::Position>& position, Sequence otherwise) {
      if (!position) return otherwise;
      return broadcasts ? position->broadcast : position->user;
    };
    const Between range{broadcasts, part(query.after, 0), part(query.before, end)};
    if (ascending) {
      take_ascending(matched, range, count, rows);
    } else {
      take_descending(matched, range, count, rows);
    }
    if (!broadcasts) continue;
    for (const auto& row : matched.marked())
      if (row.sequence > range.after && row.sequence <= range.last)
        rows.push_back(
            {.time = {}, .sequence = row.sequence, .state = row.state, .broadcast = true});
  }
  std::sort(rows.begin(), rows.end(), [&](const PageRow& a, const PageRow& b) {
    return ascending ? a.sequence < b.sequence : a.sequence > b.sequence;
  });
  if (rows.size() > count) rows.resize(count);
  return rows;
}

}  // namespace carillon::persistence
