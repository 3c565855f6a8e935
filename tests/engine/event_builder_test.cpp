#include "carillon/engine/event_builder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace carillon::engine {
namespace {

using namespace std::string_view_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

MATCHER_P2(FaultOf, field, error, "") {
  return arg == (Fault{field, error});
}

class EventBuilderTest : public ::testing::Test {
 protected:
  EventBuilder complete() {
    EventBuilder builder{pool_};
    builder.from_user(owner_).with_category("pattern").with_action("deploy").with_severity(
        Severity::success);
    return builder;
  }

  EventPool pool_;
  const UserId owner_ = *parse_uuid("11111111-1111-1111-1111-111111111111");
  const Uuid other_ = *parse_uuid("22222222-2222-2222-2222-222222222222");
};

TEST_F(EventBuilderTest, BuildsAnEventFromItsFields) {
  auto built = complete()
                   .with_id(other_)
                   .from_system(owner_)
                   .with_operation(other_)
                   .acted_upon(owner_)
                   .with_description("Pattern \"p\" deployed")
                   .with_metadata(R"( { "doc" : "https://example.org/ a" } )")
                   .with_status(Status::read)
                   .build();

  ASSERT_TRUE(built);
  const auto& event = **built;
  EXPECT_EQ(event.id(), other_);
  EXPECT_EQ(event.owner(), owner_);
  EXPECT_EQ(event.system_id(), owner_);
  EXPECT_EQ(event.operation_id(), other_);
  EXPECT_EQ(event.acted_upon(), owner_);
  EXPECT_EQ(event.category(), "pattern");
  EXPECT_EQ(event.action(), "deploy");
  EXPECT_EQ(event.severity(), Severity::success);
  EXPECT_EQ(event.description(), "Pattern \"p\" deployed");
  EXPECT_EQ(event.metadata_json(), R"({"doc":"https://example.org/ a"})");
  EXPECT_EQ(event.initial_status(), Status::read);
  EXPECT_EQ(event.audience(), Audience::user);
}

TEST_F(EventBuilderTest, FillsInWhatIsNotGiven) {
  auto built = complete().build();

  ASSERT_TRUE(built);
  const auto& event = **built;
  EXPECT_EQ(event.id().bytes[6] >> 4U, 7U) << "a UUIDv7";
  EXPECT_EQ(event.operation_id().bytes[6] >> 4U, 4U) << "a random UUID";
  EXPECT_TRUE(event.acted_upon().is_nil());
  EXPECT_EQ(event.description(), "");
  EXPECT_EQ(event.metadata_json(), "{}");
  EXPECT_EQ(event.initial_status(), Status::unread);
}

TEST_F(EventBuilderTest, TellsAPublishersIdFromItsOwn) {
  EXPECT_TRUE((*complete().with_id(other_).build())->id_from_publisher());
  EXPECT_FALSE((*complete().build())->id_from_publisher());
}

TEST_F(EventBuilderTest, TakesANilIdOrOperationAsNotGiven) {
  auto built = complete().with_id({}).with_operation({}).build();

  ASSERT_TRUE(built);
  EXPECT_FALSE((*built)->id().is_nil());
  EXPECT_FALSE((*built)->operation_id().is_nil());
  EXPECT_FALSE((*built)->id_from_publisher());
}

TEST_F(EventBuilderTest, MakesANewIdForEachEvent) {
  auto builder = complete();

  auto first = builder.build();
  auto second = builder.build();

  ASSERT_TRUE(first && second);
  EXPECT_NE((*first)->id(), (*second)->id());
  EXPECT_NE((*first)->operation_id(), (*second)->operation_id());
  EXPECT_EQ((*second)->category(), "pattern");
}

TEST_F(EventBuilderTest, ReportsAllFaultsAtOnce) {
  auto built = EventBuilder{pool_}
                   .with_category("Pattern")
                   .with_severity("bad")
                   .with_description("\xFF")
                   .with_metadata("[]")
                   .build();

  ASSERT_FALSE(built);
  EXPECT_THAT(
      built.faults(),
      ElementsAre(FaultOf("owner", "is required: call from_user with the user's UUID"),
                  FaultOf("category",
                          "must be snake_case: words of a-z and 0-9 joined by single underscores"),
                  FaultOf("action", "is required"),
                  FaultOf("severity",
                          "must be one of alert, critical, debug, emergency, error, informational "
                          "(or info), success, warning (or warn)"),
                  FaultOf("description", "is not UTF-8"),
                  FaultOf("metadata", "must be a JSON object")));
}

TEST_F(EventBuilderTest, BuildsAgainAfterItsFaultsAreMended) {
  auto builder = complete();
  EXPECT_FALSE(builder.with_severity("bad").with_metadata("{").build());

  EXPECT_TRUE(builder.with_severity("Warn").with_metadata("{}").build());
  EXPECT_TRUE(builder.with_severity("bad").with_severity(Severity::debug).build());
}

TEST_F(EventBuilderTest, WantsAnOwnerUnlessTheEventIsForEveryone) {
  EventBuilder builder{pool_};
  builder.with_category("a").with_action("b").with_severity(Severity::alert);
  EXPECT_FALSE(builder.build());

  auto built = builder.from_user(owner_).for_audience(Audience::everyone).build();

  ASSERT_TRUE(built);
  EXPECT_EQ((*built)->audience(), Audience::everyone);
  EXPECT_TRUE((*built)->owner().is_nil()) << "a broadcast belongs to nobody";
}

TEST_F(EventBuilderTest, TakesKindsOfSnakeCaseOnly) {
  for (const auto* kind : {"a", "0", "a_b", "abc_def_1", "1_2"})
    EXPECT_TRUE(complete().with_category(kind).with_action(kind).build()) << kind;
  for (const auto* kind : {"", "-", "_", "_a", "a_", "a__b", "A", "aB", "a-b", "a b", " a", "a.b",
                           "a\n", "caf\xC3\xA9", "a\"b", "\xFF"}) {
    EXPECT_FALSE(complete().with_category(kind).build()) << kind;
    EXPECT_FALSE(complete().with_action(kind).build()) << kind;
  }
  EXPECT_FALSE(complete().with_category({"a\0b", 3}).build());
}

TEST_F(EventBuilderTest, TakesKindsOfUpToFiveHundredBytes) {
  EXPECT_TRUE(complete().with_category(std::string(500, 'a')).build());

  const auto built = complete().with_category(std::string(501, 'a')).build();

  EXPECT_THAT(built.faults(),
              ElementsAre(FaultOf("category", "is 501 bytes long; at most 500 are allowed")));
}

TEST_F(EventBuilderTest, CountsADescriptionInCharacters) {
  std::string emojis;
  for (int i = 0; i < 5'000; ++i)
    emojis += "\xF0\x9F\x98\x80";
  EXPECT_TRUE(complete().with_description(std::string(5'000, '\n')).build());
  EXPECT_TRUE(complete().with_description(emojis).build());

  EXPECT_THAT(
      complete().with_description(std::string(5'001, '"')).build().faults(),
      ElementsAre(FaultOf("description", "is 5001 characters long; at most 5000 are allowed")));
  EXPECT_FALSE(complete().with_description(emojis + "\x01").build());
}

TEST_F(EventBuilderTest, GivesBackEveryDescriptionAsItWas) {
  const std::string text{"\0\x1F\"\\/\b\f\n\r\t\x7F \xC3\xA9 \xE2\x80\xA8 \xF0\x9F\x98\x80"sv};

  auto built = complete().with_description(text).build();

  ASSERT_TRUE(built);
  EXPECT_EQ((*built)->description(), text);
}

TEST_F(EventBuilderTest, RefusesMetadataThatIsNotAJsonObject) {
  for (const auto* metadata : {"null", "1", "\"{}\"", "[{}]", " [] "})
    EXPECT_THAT(complete().with_metadata(metadata).build().faults(),
                ElementsAre(FaultOf("metadata", "must be a JSON object")))
        << metadata;
  EXPECT_THAT(complete().with_metadata("{\"a\":}").build().faults(),
              ElementsAre(FaultOf("metadata", "is not JSON: expected a JSON value at byte 5")));
  EXPECT_THAT(complete().with_metadata("{\"a\":\"\xFF\"}").build().faults(),
              ElementsAre(FaultOf("metadata", "is not JSON: not UTF-8 at byte 6")));
  EXPECT_FALSE(complete().with_metadata("{} {}").build());
  EXPECT_FALSE(complete().with_metadata("   ").build());
}

// The event itself is one level around its metadata; what the builder makes,
// the parser of another server must be able to read.
TEST_F(EventBuilderTest, LimitsTheLevelsOfTheWholeEventNotOfItsMetadata) {
  const auto metadata = [](std::size_t levels) {
    return "{\"a\":" + std::string(levels - 1, '[') + std::string(levels - 1, ']') + "}";
  };

  EXPECT_TRUE(complete().with_metadata(metadata(63)).build());
  EXPECT_THAT(
      complete().with_metadata(metadata(64)).build().faults(),
      ElementsAre(FaultOf("metadata", "is not JSON: nested deeper than 63 levels at byte 67")));
}

TEST_F(EventBuilderTest, WantsTheReasonOfAnErrorInItsMetadata) {
  auto builder = complete();
  builder.with_severity(Severity::error);
  const auto missing = FaultOf("metadata", "must hold \"error\" or \"err\" when severity is error");

  EXPECT_THAT(builder.build().faults(), ElementsAre(missing));
  EXPECT_THAT(builder.with_metadata(R"({"a":{"error":1}})").build().faults(), ElementsAre(missing));
  EXPECT_THAT(builder.with_metadata(R"({"error":null})").build().faults(), IsEmpty());
  EXPECT_THAT(builder.with_metadata(R"({"a":"b" , "err" : {}})").build().faults(), IsEmpty());
}

}  // namespace
}  // namespace carillon::engine
