// Goal: rows of columns are found whatever the filter, the order and the place of the
// page, at sizes at which ranks are selected by samples instead of sorted.
// Method: columns filled directly with random times, and a sorted list beside them.
#include "carillon/engine/event_pool.hpp"
#include "persistence/src/columns_match.hpp"
#include "persistence/src/columns_select.hpp"
#include "persistence/src/text_search.hpp"
#include "tests/support/log_entries.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

namespace carillon::testing {
namespace {

using engine::EventState;
using engine::Sequence;
using engine::SortKey;
using engine::Status;
using persistence::InboxColumns;
using persistence::InboxView;
using persistence::MatchedRows;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

class InboxColumnsTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t chunk_rows = 512;

  static engine::UserId user() {
    engine::UserId id;
    id.bytes[0] = 1;
    return id;
  }
  void append(InboxColumns& columns, Sequence sequence, EventSpec spec) {
    const auto entry = event_entry(pool_, sequence, spec);
    ASSERT_TRUE(columns.append(entry.event->view()));
  }
  static std::vector<Sequence> sequences(const std::vector<persistence::PageRow>& rows) {
    std::vector<Sequence> list;
    for (const auto& row : rows)
      list.push_back(row.sequence);
    return list;
  }
  InboxView view() { return {user(), own_.publish(), broadcasts_.publish()}; }
  std::vector<Sequence> found(const engine::Filter& filter) {
    const auto now = view();
    const MatchedRows matched{now, filter};
    return sequences(select_from_position(matched, {.after = engine::Position{}}, 1'000));
  }

  engine::EventPool pool_;
  InboxColumns own_{chunk_rows};
  InboxColumns broadcasts_{chunk_rows};
};

TEST_F(InboxColumnsTest, SelectsAnyPageOfALargeInbox) {
  constexpr Sequence events = 40'000;
  struct Expected {
    std::int64_t time;
    Sequence sequence;
  };
  std::mt19937_64 random{7};
  // Times: ascending, all over the place, and few with many ties.
  for (const std::int64_t spread : {std::int64_t{0}, std::int64_t{1'000'000}, std::int64_t{3}}) {
    InboxColumns own{chunk_rows};
    InboxColumns broadcasts{chunk_rows};
    std::vector<Expected> expected;
    for (Sequence sequence = 1; sequence <= events; ++sequence) {
      const auto time =
          spread == 0 ? static_cast<std::int64_t>(sequence)
                      : static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(spread));
      const bool broadcast = random() % 4 == 0;
      append(broadcast ? broadcasts : own, sequence,
             {.owner = broadcast ? engine::UserId{} : user(), .created_at_us = time});
      if (random() % 3 == 0) {
        const auto changed = static_cast<std::int64_t>(random() % 2'000'000);
        own.set_state(sequence, {.status = Status::read, .updated_at = at_us(changed)});
        expected.push_back({changed, sequence});
      } else {
        expected.push_back({time, sequence});
      }
    }
    std::sort(expected.begin(), expected.end(), [](const Expected& a, const Expected& b) {
      return a.time != b.time ? a.time < b.time : a.sequence < b.sequence;
    });

    const InboxView now{user(), own.publish(), broadcasts.publish()};
    const MatchedRows matched{now, {}};
    ASSERT_EQ(matched.total(), events);
    for (const std::uint64_t skip :
         std::initializer_list<std::uint64_t>{0, 1, 500, 19'990, 39'980, 40'000}) {
      const std::uint64_t count = 25;
      const auto begin = std::min<std::uint64_t>(skip, events);
      const auto end = std::min<std::uint64_t>(skip + count, events);
      std::vector<Sequence> ascending;
      std::vector<Sequence> descending;
      for (auto rank = begin; rank < end; ++rank) {
        ascending.push_back(expected[rank].sequence);
        descending.push_back(expected[events - 1 - rank].sequence);
      }
      EXPECT_THAT(sequences(select_slice(matched, {SortKey::updated_at, false, skip, count})),
                  ElementsAreArray(ascending));
      EXPECT_THAT(sequences(select_slice(matched, {SortKey::updated_at, true, skip, count})),
                  ElementsAreArray(descending));
    }
  }
}

TEST_F(InboxColumnsTest, FindsTextWithinADescriptionOnly) {
  append(own_, 1, {.owner = user(), .description = "one Needle here"});
  append(own_, 2, {.owner = user(), .description = "nee"});
  append(own_, 3, {.owner = user(), .description = "dle"});
  append(own_, 4, {.owner = user(), .description = ""});
  append(own_, 5, {.owner = user(), .description = "a \"needle\" and a needle"});

  EXPECT_THAT(found({.search = "NEEDLE"}), ElementsAre(1U, 5U));
  EXPECT_THAT(found({.search = "\"needle"}), ElementsAre(5U));
  EXPECT_THAT(found({.search = "e"}), ElementsAre(1U, 2U, 3U, 5U));
}

TEST_F(InboxColumnsTest, ShowsABroadcastAsThisUserMarkedIt) {
  append(broadcasts_, 1, {});
  append(broadcasts_, 2, {});
  append(broadcasts_, 3, {});
  own_.set_state(1, {.status = Status::read, .updated_at = at_us(5)});
  own_.set_state(2, {.status = Status::unread, .updated_at = at_us(5), .deleted_at = at_us(5)});

  EXPECT_THAT(found({.status = Status::unread}), ElementsAre(3U));
  EXPECT_THAT(found({.status = Status::read}), ElementsAre(1U));
}

TEST_F(InboxColumnsTest, KeepsWhatAViewShows) {
  append(own_, 1, {.owner = user()});
  const InboxView before = view();

  own_.set_state(1, {.status = Status::read, .updated_at = at_us(5)});
  append(own_, 2, {.owner = user()});
  const InboxView after = view();

  const MatchedRows then{before, {.status = Status::unread}};
  EXPECT_EQ(then.total(), 1U);
  const MatchedRows now{after, {.status = Status::unread}};
  EXPECT_THAT(sequences(select_slice(now, {.count = 10})), ElementsAre(2U));
}

TEST_F(InboxColumnsTest, RefusesAnEventThatIsNotTheLatest) {
  append(own_, 2, {.owner = user()});

  EXPECT_FALSE(own_.append(event_entry(pool_, 2, {.owner = user()}).event->view()));
  EXPECT_FALSE(own_.append(event_entry(pool_, 1, {.owner = user()}).event->view()));
}

TEST(FindTextTest, FindsWhatTheStandardSearchFinds) {
  std::mt19937_64 random{3};
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 70, 'a');
    for (auto& c : text)
      c = static_cast<char>('a' + random() % 3);
    std::string part(1 + random() % 4, 'a');
    for (auto& c : part)
      c = static_cast<char>('a' + random() % 3);
    const auto from = random() % (text.size() + 1);
    ASSERT_EQ(persistence::find_text(text, part, from), text.find(part, from))
        << text << " " << part << " " << from;
  }
}

}  // namespace
}  // namespace carillon::testing
