#include "carillon/engine/event.hpp"

#include "carillon/engine/event_pool.hpp"
#include "engine/src/event_access.hpp"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cctype>
#include <string>
#include <utility>

namespace carillon::engine {
namespace {

using detail::EventAccess;
using detail::EventParts;

Timestamp at(std::int64_t micros) {
  return Timestamp{std::chrono::microseconds{micros}};
}

EventParts parts() {
  return {.id = *parse_uuid("018f2f6e-7c3a-7b4e-9d2a-5f1c0e8a7b6d"),
          .owner = *parse_uuid("11111111-1111-1111-1111-111111111111"),
          .system_id = *parse_uuid("22222222-2222-2222-2222-222222222222"),
          .operation_id = *parse_uuid("33333333-3333-3333-3333-333333333333"),
          .acted_upon = *parse_uuid("44444444-4444-4444-4444-444444444444"),
          .category = "pattern",
          .action = "deploy",
          .description_json = "Caf\\u00e9 \\\"A\\\"",
          .metadata_json = R"({"n":1e400,"s":" a "})",
          .severity = Severity::success};
}

class EventTest : public ::testing::Test {
 protected:
  /// Sequenced as number 42 at 2026-11-23T19:14:10.123456Z.
  EventRef sequenced(const EventParts& of) {
    auto event = EventAccess::create(pool_, of);
    auto* raw = EventAccess::take(event);
    EventAccess::sequence(*raw, 42, at(1'795'461'250'123'456));
    return EventRef::adopt(raw);
  }

  EventPool pool_;
};

TEST_F(EventTest, WritesItsFieldsAsTheContractNamesThem) {
  EXPECT_EQ(sequenced(parts())->json(),
            R"({"id":"018f2f6e-7c3a-7b4e-9d2a-5f1c0e8a7b6d",)"
            R"("owner":"11111111-1111-1111-1111-111111111111",)"
            R"("systemId":"22222222-2222-2222-2222-222222222222",)"
            R"("operationId":"33333333-3333-3333-3333-333333333333",)"
            R"("actedUpon":"44444444-4444-4444-4444-444444444444",)"
            R"("category":"pattern","action":"deploy","severity":"success",)"
            R"("description":"Caf\u00e9 \"A\"","metadata":{"n":1e400,"s":" a "},)"
            R"("status":"unread","createdAt":"2026-11-23T19:14:10.123456Z",)"
            R"("updatedAt":"2026-11-23T19:14:10.123456Z","sequence":42})");
}

TEST_F(EventTest, SaysThatABroadcastIsForEveryone) {
  auto broadcast = parts();
  broadcast.audience = Audience::everyone;

  const auto event = sequenced(broadcast);

  EXPECT_NE(event->json().find(R"(-444444444444","audience":"everyone","category":"pattern")"),
            std::string_view::npos);
  EXPECT_EQ(sequenced(parts())->json().find("audience"), std::string_view::npos);
}

TEST_F(EventTest, LendsEachFieldWithoutCopying) {
  const auto event = sequenced(parts());

  EXPECT_EQ(event->id(), parts().id);
  EXPECT_EQ(event->owner(), parts().owner);
  EXPECT_EQ(event->system_id(), parts().system_id);
  EXPECT_EQ(event->operation_id(), parts().operation_id);
  EXPECT_EQ(event->acted_upon(), parts().acted_upon);
  EXPECT_EQ(event->category(), "pattern");
  EXPECT_EQ(event->action(), "deploy");
  EXPECT_EQ(event->severity(), Severity::success);
  EXPECT_EQ(event->audience(), Audience::user);
  EXPECT_EQ(event->initial_status(), Status::unread);
  EXPECT_EQ(event->metadata_json(), R"({"n":1e400,"s":" a "})");
  EXPECT_EQ(event->sequence(), 42U);
  EXPECT_EQ(event->created_at(), at(1'795'461'250'123'456));
  EXPECT_EQ(event->category().data(), event->view().category.data());
  EXPECT_EQ(event->view().body_json.data(), event->json().data());
}

TEST_F(EventTest, DecodesItsDescription) {
  EXPECT_EQ(sequenced(parts())->description(), "Caf\xC3\xA9 \"A\"");
}

TEST_F(EventTest, HasNoJsonAndNoPlaceBeforeItIsSequenced) {
  const auto event = EventAccess::create(pool_, parts());

  EXPECT_EQ(event->json(), "");
  EXPECT_EQ(event->sequence(), 0U);
  EXPECT_EQ(event->category(), "pattern");
}

TEST_F(EventTest, SequencesTheGreatestNumberAndTheLastInstant) {
  auto event = EventAccess::create(pool_, parts());
  auto* raw = EventAccess::take(event);
  EventAccess::sequence(*raw, UINT64_MAX, Timestamp::max());
  const auto ref = EventRef::adopt(raw);

  EXPECT_TRUE(ref->json().ends_with(R"("updatedAt":"9999-12-31T23:59:59.999999Z",)"
                                    R"("sequence":18446744073709551615})"));
}

TEST_F(EventTest, HoldsTextsOfAnySize) {
  for (const std::size_t bytes :
       {0U, 1U, 100U, 300U, 511U, 512U, 1'024U, 4'000U, 8'192U, 262'144U}) {
    const std::string description(bytes, 'd');
    const auto metadata = "{\"m\":\"" + std::string(bytes, 'm') + "\"}";
    auto large = parts();
    large.description_json = description;
    large.metadata_json = metadata;

    const auto event = sequenced(large);

    ASSERT_EQ(event->description(), description);
    ASSERT_EQ(event->metadata_json(), metadata);
    ASSERT_TRUE(event->json().ends_with("\"sequence\":42}"));
    ASSERT_GE(event->footprint_bytes(), event->json().size());
    simdjson::dom::parser parser;
    ASSERT_EQ(parser.parse(event->json().data(), event->json().size()).error(), simdjson::SUCCESS);
  }
}

TEST_F(EventTest, CompletesAStoredBodyWithItsStateOfNow) {
  const auto event = sequenced(parts());
  std::string out = "[";
  out += event->view().body_json;

  append_event_tail(out, {.status = Status::read, .updated_at = at(2'000'000), .deleted_at = {}},
                    at(1'000'000), 7);

  EXPECT_TRUE(out.ends_with(R"("metadata":{"n":1e400,"s":" a "},"status":"read",)"
                            R"("createdAt":"1970-01-01T00:00:01.000000Z",)"
                            R"("updatedAt":"1970-01-01T00:00:02.000000Z","sequence":7})"))
      << out;
}

TEST_F(EventTest, TellsWhenItWasDeletedOnlyIfItWas) {
  std::string out;

  append_event_tail(out,
                    {.status = Status::unread, .updated_at = at(0), .deleted_at = at(3'000'001)},
                    at(0), 9'007'199'254'740'991);

  EXPECT_EQ(out, R"(,"status":"unread","createdAt":"1970-01-01T00:00:00.000000Z",)"
                 R"("updatedAt":"1970-01-01T00:00:00.000000Z",)"
                 R"("deletedAt":"1970-01-01T00:00:03.000001Z","sequence":9007199254740991})");
}

TEST_F(EventTest, CompletesItsOwnBodyToItsOwnJson) {
  const auto event = sequenced(parts());
  std::string out{event->view().body_json};

  append_event_tail(
      out, {.status = event->initial_status(), .updated_at = event->created_at(), .deleted_at = {}},
      event->created_at(), event->sequence());

  EXPECT_EQ(out, event->json());
}

using EventDeathTest = EventTest;

TEST_F(EventDeathTest, RefusesASecondPlaceInTheOrder) {
  auto event = EventAccess::create(pool_, parts());
  auto* raw = EventAccess::take(event);
  EventAccess::sequence(*raw, 1, at(0));
  const auto ref = EventRef::adopt(raw);

  EXPECT_DEATH(EventAccess::sequence(*raw, 2, at(0)), "an event is sequenced once");
}

TEST_F(EventTest, LivesAsLongAsItsLastReference) {
  auto first = sequenced(parts());
  const auto in_use = pool_.bytes_in_use_approx();
  EXPECT_EQ(in_use, first->footprint_bytes());

  EventRef copy{first};
  EventRef shared = EventRef::share(*copy);
  EventRef moved{std::move(first)};
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): moved from means empty
  copy = {};
  moved = {};
  EXPECT_EQ(pool_.bytes_in_use_approx(), in_use);
  EXPECT_EQ(shared->category(), "pattern");

  shared = {};
  EXPECT_EQ(pool_.bytes_in_use_approx(), 0U);
}

TEST_F(EventTest, SurvivesTheAssignmentOfAReferenceToItself) {
  auto ref = sequenced(parts());
  const auto& same = ref;

  ref = same;

  EXPECT_EQ(ref->sequence(), 42U);
  EXPECT_GT(pool_.bytes_in_use_approx(), 0U);
}

TEST_F(EventTest, DropsManyReferencesAtOnce) {
  auto ref = sequenced(parts());
  for (int i = 0; i < 3; ++i)
    static_cast<void>(EventRef::share(*ref).detach());

  EventAccess::release(ref.get(), 3);
  EXPECT_GT(pool_.bytes_in_use_approx(), 0U);

  EventAccess::release(ref.detach(), 1);
  EXPECT_EQ(pool_.bytes_in_use_approx(), 0U);
}

TEST_F(EventTest, ReturnsItsMemoryIfItIsNeverPublished) {
  {
    auto event = EventAccess::create(pool_, parts());
    auto moved = std::move(event);
    EXPECT_FALSE(event);  // NOLINT(bugprone-use-after-move): moved from means empty
    EXPECT_TRUE(moved);
    moved = EventAccess::create(pool_, parts());
    EXPECT_EQ(pool_.bytes_in_use_approx(), moved->footprint_bytes());
  }
  EXPECT_EQ(pool_.bytes_in_use_approx(), 0U);
}

TEST(SeverityTest, ReadsEachWordInAnyCaseAndWritesItInLowerCase) {
  for (const auto severity : all_severities) {
    std::string word{to_string(severity)};
    EXPECT_EQ(parse_severity(word), severity);
    for (std::size_t i = 0; i < word.size(); i += 2)
      word[i] = static_cast<char>(std::toupper(word[i]));
    EXPECT_EQ(parse_severity(word), severity) << word;
  }
  EXPECT_EQ(to_string(Severity::informational), "informational");
  EXPECT_EQ(to_string(Severity::emergency), "emergency");
}

TEST(SeverityTest, ReadsTheShortFormsThatPublishersSend) {
  EXPECT_EQ(parse_severity("info"), Severity::informational);
  EXPECT_EQ(parse_severity("INFO"), Severity::informational);
  EXPECT_EQ(parse_severity("warn"), Severity::warning);
  EXPECT_EQ(parse_severity("Warn"), Severity::warning);
}

TEST(SeverityTest, KnowsNoOtherWords) {
  for (const auto* word : {"", "inf", "information", "err", "fatal", "error ", " error", "alerts",
                           "-", "warnin\xC3\xA7", "@lert", "[nfo", "ERROR\t"})
    EXPECT_FALSE(parse_severity(word)) << word;
  EXPECT_FALSE(parse_severity(std::string_view{"error\0", 6}));
}

TEST(StatusTest, ReadsAndWritesBothWords) {
  EXPECT_EQ(to_string(Status::unread), "unread");
  EXPECT_EQ(to_string(Status::read), "read");
  EXPECT_EQ(parse_status("unread"), Status::unread);
  EXPECT_EQ(parse_status("READ"), Status::read);
  EXPECT_FALSE(parse_status(""));
  EXPECT_FALSE(parse_status("rea"));
  EXPECT_FALSE(parse_status("deleted"));
}

}  // namespace
}  // namespace carillon::engine
