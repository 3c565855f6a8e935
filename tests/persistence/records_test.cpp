#include "persistence/src/records.hpp"

#include "persistence/src/counters.hpp"
#include "tests/support/log_entries.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace carillon::testing {
namespace {

using engine::Severity;
using engine::Status;
using persistence::Counters;
using persistence::decode_event;
using persistence::decode_state;
using persistence::encode_event;
using persistence::encode_state;
using persistence::event_json;
using persistence::initial_state;

class RecordsTest : public ::testing::Test {
 protected:
  engine::EventPool pool_;
  engine::LogEntry entry_ = event_entry(pool_,
                                        7,
                                        {.owner = engine::make_uuid_v4(),
                                         .category = "mesh",
                                         .action = "sync",
                                         .severity = Severity::warning,
                                         .status = Status::read,
                                         .description = "a \"quoted\" text",
                                         .metadata = R"({"k":[1,2]})",
                                         .acted_upon = engine::make_uuid_v4(),
                                         .system_id = engine::make_uuid_v4(),
                                         .created_at_us = -5});
};

TEST_F(RecordsTest, ReadsBackEveryFieldOfAnEvent) {
  const auto& event = entry_.event->view();
  const auto row = encode_event(event);
  const auto read = decode_event(row, 7);

  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, event.id);
  EXPECT_EQ(read->owner, event.owner);
  EXPECT_EQ(read->system_id, event.system_id);
  EXPECT_EQ(read->operation_id, event.operation_id);
  EXPECT_EQ(read->acted_upon, event.acted_upon);
  EXPECT_EQ(read->category, event.category);
  EXPECT_EQ(read->action, event.action);
  EXPECT_EQ(read->description_json, event.description_json);
  EXPECT_EQ(read->metadata_json, R"({"k":[1,2]})");
  EXPECT_EQ(read->created_at, event.created_at);
  EXPECT_EQ(read->sequence, event.sequence);
  EXPECT_EQ(read->severity, event.severity);
  EXPECT_EQ(read->audience, event.audience);
  EXPECT_EQ(read->initial_status, event.initial_status);
  EXPECT_EQ(event_json(*read, initial_state(*read)), entry_.event->json());
}

TEST_F(RecordsTest, KeepsNothingThatFollowsFromTheFields) {
  const auto& event = entry_.event->view();

  EXPECT_EQ(encode_event(event).find("systemId"), std::string::npos);
  EXPECT_LT(encode_event(event).size(), event.body_json.size() / 2);
}

TEST_F(RecordsTest, GivesTheJsonOfABroadcastBack) {
  const auto broadcast = event_entry(pool_, 8, {.description = "to all"});
  const auto row = encode_event(broadcast.event->view());
  const auto read = decode_event(row, 8);

  ASSERT_TRUE(read);
  EXPECT_TRUE(read->body_json.empty());
  EXPECT_EQ(event_json(*read, initial_state(*read)), broadcast.event->json());
}

TEST_F(RecordsTest, KeepsABodyThatDoesNotFollowFromTheFields) {
  auto view = entry_.event->view();
  const std::string body = R"({"id":"another text","metadata":{})";
  view.body_json = body;
  const auto row = encode_event(view);

  ASSERT_TRUE(decode_event(row, 7));
  EXPECT_EQ(decode_event(row, 7)->body_json, body);
  EXPECT_EQ(decode_event(row, 7)->description_json, view.description_json);
  for (std::size_t bytes = 0; bytes < row.size(); ++bytes)
    ASSERT_FALSE(decode_event(std::string_view{row}.substr(0, bytes), 7)) << bytes;
}

TEST_F(RecordsTest, KeepsTextsThatLieElsewhereThanInTheBody) {
  auto view = entry_.event->view();
  const std::string category = "elsewhere";
  view.category = category;
  const auto row = encode_event(view);

  EXPECT_EQ(decode_event(row, 7)->category, category);
  EXPECT_EQ(decode_event(row, 7)->body_json, view.body_json);
}

TEST_F(RecordsTest, RefusesEveryTruncationAndAnyOtherVersionOfAnEvent) {
  const auto row = encode_event(entry_.event->view());
  for (std::size_t bytes = 0; bytes < row.size(); ++bytes)
    ASSERT_FALSE(decode_event(std::string_view{row}.substr(0, bytes), 7)) << bytes;

  auto other = row;
  other[0] = 3;
  EXPECT_FALSE(decode_event(other, 7));
}

TEST_F(RecordsTest, ReadsBackAState) {
  const persistence::StateRecord record{
      .state = {.status = Status::read, .updated_at = at_us(-3), .deleted_at = at_us(9)},
      .change = 12};
  const auto row = encode_state(record);
  const auto read = decode_state(row);

  ASSERT_TRUE(read);
  EXPECT_EQ(read->state.status, Status::read);
  EXPECT_EQ(read->state.updated_at, at_us(-3));
  EXPECT_EQ(read->state.deleted_at, at_us(9));
  EXPECT_EQ(read->change, 12U);
  EXPECT_FALSE(decode_state(std::string_view{row}.substr(1)));
}

TEST(CountersTest, AddsUpInAnyGroupingToTheSame) {
  Counters first;
  first.at(Status::unread, Severity::alert) = std::numeric_limits<std::int64_t>::max() - 5;
  first.last = 900;
  Counters second;
  second.at(Status::unread, Severity::alert) = -3;
  second.at(Status::read, Severity::warning) = 1;
  second.last = 7;
  std::string encoded;
  append_counters(encoded, first);
  Counters sum;
  ASSERT_TRUE(add_encoded(sum, encoded));
  encoded.clear();
  append_counters(encoded, second);
  ASSERT_TRUE(add_encoded(sum, encoded));

  first.add(second);
  EXPECT_EQ(sum.lanes, first.lanes);
  EXPECT_EQ(sum.last, 900U);
}

TEST(CountersTest, RefusesBytesThatAreNotCounters) {
  Counters counters;
  EXPECT_FALSE(add_encoded(counters, ""));
  EXPECT_FALSE(add_encoded(counters, std::string_view{"\0\0", 2}));
  EXPECT_FALSE(add_encoded(counters, std::string_view{"\0\x10\x02", 3}));
  EXPECT_FALSE(add_encoded(counters, "\xFF\xFF\xFF"));
}

}  // namespace
}  // namespace carillon::testing
