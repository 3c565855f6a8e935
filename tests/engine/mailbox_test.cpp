#include "engine/src/mailbox.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace carillon::engine::detail {
namespace {

struct Item final : Node {
  explicit Item(int of = 0) : Node{Kind::event}, value{of} {}
  int value;
};

constexpr std::size_t no_limit = SIZE_MAX;

std::vector<int> values(NodeList list) {
  std::vector<int> out;
  while (!list.empty())
    out.push_back(static_cast<Item*>(list.pop_front())->value);
  return out;
}

TEST(MailboxTest, GivesNodesBackInTheOrderOfTheirPushes) {
  Mailbox mailbox{1};
  Item a{1};
  Item b{2};
  Item c{3};

  ASSERT_EQ(mailbox.push(&a, mailbox.generation(), 0, no_limit), PushResult::first);
  ASSERT_EQ(mailbox.push(&b, mailbox.generation(), 0, no_limit), PushResult::queued);
  ASSERT_EQ(mailbox.push(&c, mailbox.generation(), 0, no_limit), PushResult::queued);

  EXPECT_EQ(values(mailbox.take_all()), (std::vector{1, 2, 3}));
}

TEST(MailboxTest, AnnouncesTheFirstNodeAfterEachTake) {
  Mailbox mailbox{1};
  Item a{1};
  Item b{2};
  ASSERT_EQ(mailbox.push(&a, mailbox.generation(), 0, no_limit), PushResult::first);

  static_cast<void>(mailbox.take_all());

  EXPECT_EQ(mailbox.push(&b, mailbox.generation(), 0, no_limit), PushResult::first);
}

TEST(MailboxTest, RefusesWhatExceedsItsBytesUntilTheyAreSettled) {
  Mailbox mailbox{1};
  Item a;
  Item b;
  ASSERT_EQ(mailbox.push(&a, mailbox.generation(), 60, 100), PushResult::first);
  EXPECT_EQ(mailbox.push(&b, mailbox.generation(), 60, 100), PushResult::full);

  static_cast<void>(mailbox.take_all());
  EXPECT_EQ(mailbox.push(&b, mailbox.generation(), 60, 100), PushResult::full);
  mailbox.settle(60);

  EXPECT_EQ(mailbox.push(&b, mailbox.generation(), 60, 100), PushResult::first);
}

TEST(MailboxTest, TakesAloneWhatIsLargerThanItsBound) {
  Mailbox mailbox{1};
  Item a;

  EXPECT_EQ(mailbox.push(&a, mailbox.generation(), 1'000, 100), PushResult::first);
}

TEST(MailboxTest, NeverRefusesCommandsThatWeighNothing) {
  Mailbox mailbox{1};
  Item a;
  Item b;
  ASSERT_EQ(mailbox.push(&a, mailbox.generation(), 200, 100), PushResult::first);

  EXPECT_EQ(mailbox.push(&b, mailbox.generation(), 0, 100), PushResult::queued);
}

TEST(MailboxTest, DoesNotCloseWhileSomethingIsQueued) {
  Mailbox mailbox{1};
  Item a;
  ASSERT_EQ(mailbox.push(&a, mailbox.generation(), 0, no_limit), PushResult::first);

  EXPECT_FALSE(mailbox.close());
  static_cast<void>(mailbox.take_all());
  EXPECT_TRUE(mailbox.close());
}

TEST(MailboxTest, RefusesAPushThatMeansAnEarlierLife) {
  Mailbox mailbox{1};
  const auto before = mailbox.generation();
  Item late;
  Item timely;

  ASSERT_TRUE(mailbox.close());

  EXPECT_EQ(mailbox.push(&late, before, 10, no_limit), PushResult::closed);
  EXPECT_EQ(mailbox.push(&timely, mailbox.generation(), 10, 15), PushResult::first)
      << "a refused push must not keep its bytes";
}

TEST(MailboxTest, AnswersClosedToAnEarlierLifeEvenWhenItIsFull) {
  Mailbox mailbox{1};
  const auto before = mailbox.generation();
  ASSERT_TRUE(mailbox.close());
  Item filling;
  Item late;
  ASSERT_EQ(mailbox.push(&filling, mailbox.generation(), 100, 100), PushResult::first);

  EXPECT_EQ(mailbox.push(&late, before, 10, 100), PushResult::closed);
}

TEST(MailboxTest, ComesRoundToTheFirstGenerationAfterTheLast) {
  Mailbox mailbox{1};
  const auto first = mailbox.generation();

  for (Generation i = 0; i < (Generation{1} << generation_bits); ++i)
    ASSERT_TRUE(mailbox.close());

  EXPECT_EQ(mailbox.generation(), first);
  Item item;
  EXPECT_EQ(mailbox.push(&item, first, 0, no_limit), PushResult::first);
  EXPECT_EQ(values(mailbox.take_all()).size(), 1U);
}

TEST(MailboxTableTest, FindsEachMailboxByItsIndexAcrossSegments) {
  MailboxTable table;
  std::vector<Mailbox*> mailboxes;
  for (int i = 0; i < 1'000; ++i)
    mailboxes.push_back(&table.acquire());

  for (auto* mailbox : mailboxes)
    ASSERT_EQ(table.at(mailbox->index()), mailbox);
  EXPECT_EQ(mailboxes.front()->index(), 1U) << "index 0 means no mailbox";
}

TEST(MailboxTableTest, ReusesTheMailboxThatWasReleasedFirst) {
  MailboxTable table;
  auto& a = table.acquire();
  auto& b = table.acquire();

  table.release(b);
  table.release(a);

  EXPECT_EQ(&table.acquire(), &b);
  EXPECT_EQ(&table.acquire(), &a);
}

TEST(MailboxTest, SpansThreeCacheLinesPlusItsLists) {
  EXPECT_LE(sizeof(Mailbox), 192U);
}

}  // namespace
}  // namespace carillon::engine::detail
