#include "carillon/engine/event_builder.hpp"
#include "engine/src/event_access.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace carillon::engine {
namespace {

using ::testing::ElementsAre;

/// What is called on a builder; the same on one that is reused and on a fresh one.
using Setter = std::function<void(EventBuilder&)>;

/// One of a few values, so that setters repeat, change and undo each other; nil too.
Uuid some_uuid(std::mt19937& random) {
  Uuid uuid;
  const auto byte = static_cast<std::uint8_t>(random() % 5);
  if (byte > 0) uuid.bytes.fill(static_cast<std::uint8_t>(byte * 0x11));
  return uuid;
}
template <std::size_t count>
std::string some_text(std::mt19937& random, const std::array<const char*, count>& texts) {
  return texts[random() % count];
}

Setter some_setter(std::mt19937& random) {
  switch (random() % 13) {
    case 0:
      return [id = some_uuid(random)](auto& b) { b.acted_upon(id); };
    case 1:
      return [id = some_uuid(random)](auto& b) { b.from_user(id); };
    case 2:
      return [id = some_uuid(random)](auto& b) { b.from_system(id); };
    case 3:
      return [id = some_uuid(random)](auto& b) { b.with_operation(id); };
    case 4:
      return [id = some_uuid(random)](auto& b) { b.with_id(id); };
    case 5:
      return [text = some_text<4>(random, {"pattern", "a_much_longer_kind_1", "x", "Not Snake"})](
                 auto& b) { b.with_category(text); };
    case 6:
      return [text = some_text<4>(random, {"deploy", "a_much_longer_kind_2", "y", ""})](auto& b) {
        b.with_action(text);
      };
    case 7:
      return
          [severity = static_cast<Severity>(random() % 8)](auto& b) { b.with_severity(severity); };
    case 8:
      return [text = some_text<4>(random, {"info", "Warn", "success", "bad"})](auto& b) {
        b.with_severity(text);
      };
    case 9:
      return [text = some_text<4>(random, {"", "short", "a \"quoted\"\n longer one \x01", "\xFF"})](
                 auto& b) { b.with_description(text); };
    case 10:
      return [text = some_text<4>(random, {"", "{}", R"({ "error" : [1, {"a": "b c"}] })", "[1]"})](
                 auto& b) { b.with_metadata(text); };
    case 11:
      return [status = random() % 2 == 0 ? Status::read : Status::unread](auto& b) {
        b.with_status(status);
      };
    default:
      // Mostly for a user: for everyone its owner does not matter.
      return [audience = random() % 4 == 0 ? Audience::everyone : Audience::user](auto& b) {
        b.for_audience(audience);
      };
  }
}

void complete(EventBuilder& builder, const UserId& owner) {
  builder.from_user(owner).with_category("pattern").with_action("deploy").with_severity(
      Severity::success);
}

/// Made by the builder: those of some_uuid repeat one byte.
bool is_made(const Uuid& id) {
  return std::adjacent_find(id.bytes.begin(), id.bytes.end(), std::not_equal_to<>{}) !=
         id.bytes.end();
}

/// What build() gave, as one text to compare: the faults, or all fields and the JSON
/// that subscribers get, with a word for the ids that the builder made.
std::string outcome(BuildResult built) {
  std::string text;
  for (const auto& fault : built.faults())
    text += fault.field + " " + fault.error + "\n";
  if (!built) return text;
  auto* raw = detail::EventAccess::take(*built);
  detail::EventAccess::sequence(*raw, 1, Timestamp{});
  const auto event = EventRef::adopt(raw);
  text = event->id_from_publisher() ? "publisher's id " : "own id ";
  text += event->audience() == Audience::everyone ? "for everyone " : "for its user ";
  text += event->initial_status() == Status::read ? "read " : "unread ";
  text += std::to_string(static_cast<int>(event->severity())) + ' ';
  for (const auto& id : {event->owner(), event->system_id(), event->acted_upon()})
    text += to_string(id) + ' ';
  text.append(event->category()).append(" ").append(event->action()).append(" ");
  text += event->description() + ' ';
  text.append(event->metadata_json()).append("\n").append(event->json());
  for (const auto& id : {event->id(), event->operation_id()}) {
    if (!is_made(id)) continue;
    const auto made = to_string(id);
    const auto at = text.find(made);
    text = at == std::string::npos ? "the JSON has another id" : text.replace(at, 36, "made");
  }
  return text;
}

class EventBuilderReuseTest : public ::testing::Test {
 protected:
  EventBuilder complete_builder() {
    EventBuilder builder{pool_};
    complete(builder, owner_);
    return builder;
  }

  EventPool pool_;
  const UserId owner_ = *parse_uuid("aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa");
  const Uuid other_ = *parse_uuid("22222222-2222-2222-2222-222222222222");
};

// Goal: what a builder keeps from one event to the next never shows. Method: random
// calls on a builder that builds in between; a fresh one on which the same was called
// must build the same, or name the same faults.
TEST_F(EventBuilderReuseTest, BuildsWhatAFreshBuilderBuildsWhateverWasCalled) {
  std::mt19937 random{20};
  std::size_t built_count = 0;
  for (int round = 0; round < 400; ++round) {
    auto reused = complete_builder();
    std::vector<Setter> called;
    for (int build = 0; build < 25; ++build) {
      for (auto calls = random() % 4; calls > 0; --calls) {
        called.push_back(some_setter(random));
        called.back()(reused);
      }
      auto fresh = complete_builder();
      for (const auto& setter : called)
        setter(fresh);
      auto built = reused.build();
      built_count += built ? 1U : 0U;
      ASSERT_EQ(outcome(std::move(built)), outcome(fresh.build()))
          << "round " << round << ", build " << build << ", calls " << called.size();
    }
  }
  EXPECT_GT(built_count, 1'000U) << "hardly anything but faults was compared";
}

TEST_F(EventBuilderReuseTest, WantsAnOwnerAgainAfterItWasTakenAway) {
  auto builder = complete_builder();
  ASSERT_TRUE(builder.build());

  const auto without = builder.from_user({}).build();
  EXPECT_THAT(without.faults(),
              ElementsAre(Fault{"owner", "is required: call from_user with the user's UUID"}));

  auto built = builder.from_user(other_).build();
  ASSERT_TRUE(built);
  EXPECT_EQ((*built)->owner(), other_);
}

TEST_F(EventBuilderReuseTest, KeepsABroadcastNobodysWhateverOwnerIsNamedLater) {
  auto builder = complete_builder();
  ASSERT_TRUE(builder.for_audience(Audience::everyone).build());

  auto broadcast = builder.from_user(other_).build();
  auto event = builder.for_audience(Audience::user).build();

  ASSERT_TRUE(broadcast && event);
  EXPECT_TRUE((*broadcast)->owner().is_nil());
  EXPECT_EQ((*event)->owner(), other_);
}

TEST_F(EventBuilderReuseTest, GivesAPublishersIdToEveryEventUntilItIsTakenBack) {
  auto builder = complete_builder();
  builder.with_id(other_);

  auto first = builder.build();
  auto second = builder.build();
  auto third = builder.with_id({}).build();

  ASSERT_TRUE(first && second && third);
  for (auto* built : {&first, &second}) {
    EXPECT_EQ((**built)->id(), other_);
    EXPECT_TRUE((**built)->id_from_publisher());
  }
  EXPECT_NE((*first)->operation_id(), (*second)->operation_id());
  EXPECT_NE((*third)->id(), other_);
  EXPECT_FALSE((*third)->id_from_publisher());
}

TEST_F(EventBuilderReuseTest, GoesOnInTheBuilderThatItWasMovedTo) {
  auto from = complete_builder();
  from.with_description("before");
  ASSERT_TRUE(from.build());

  auto to = std::move(from);
  auto built = to.acted_upon(other_).build();

  ASSERT_TRUE(built);
  EXPECT_EQ((*built)->description(), "before");
  EXPECT_EQ((*built)->acted_upon(), other_);
}

TEST_F(EventBuilderReuseTest, CanBeAssignedToAfterItWasMovedFrom) {
  auto from = complete_builder();
  ASSERT_TRUE(from.build());
  const auto to = std::move(from);

  from = complete_builder();  // NOLINT(bugprone-use-after-move): what the header allows
  auto built = from.from_user(other_).build();

  ASSERT_TRUE(built);
  EXPECT_EQ((*built)->owner(), other_);
}

// The event's block is the pool's, not the builder's.
TEST_F(EventBuilderReuseTest, LeavesItsEventsBehindWhenItGoes) {
  std::vector<NewEvent> events;
  {
    auto builder = complete_builder();
    for (int index = 0; index < 100; ++index)
      events.push_back(std::move(*builder.with_description(std::to_string(index)).build()));
  }

  for (int index = 0; index < 100; ++index)
    EXPECT_EQ(events[static_cast<std::size_t>(index)]->description(), std::to_string(index));
  events.clear();
  EXPECT_EQ(pool_.bytes_in_use_approx(), 0U);
}

}  // namespace
}  // namespace carillon::engine
