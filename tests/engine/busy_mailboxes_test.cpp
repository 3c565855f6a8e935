#include "engine/src/busy_mailboxes.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace carillon::engine::detail {
namespace {

struct Item final : Node {
  Item() : Node{Kind::event} {}
};

class BusyMailboxesTest : public ::testing::Test {
 protected:
  Mailbox& open(const UserId& user) {
    auto& mailbox = mailboxes_.acquire();
    mailbox.open(user);
    return mailbox;
  }
  void count(Mailbox& mailbox, std::uint32_t turn, int nodes) {
    for (int i = 0; i < nodes; ++i)
      busy_.count_own(mailbox, turn, mailboxes_);
  }
  [[nodiscard]] MailboxRef find(const UserId& user) const {
    return busy_.find(user, hash_uuid(user), mailboxes_);
  }

  MailboxTable mailboxes_;
  BusyMailboxes busy_;
  const UserId user_ = make_uuid_v4();
};

TEST_F(BusyMailboxesTest, FindsAMailboxOnceSeveralNodesCameInOneTurn) {
  auto& mailbox = open(user_);

  count(mailbox, 1, 3);
  count(mailbox, 2, 3);
  EXPECT_EQ(find(user_).mailbox, nullptr);
  count(mailbox, 3, 4);

  EXPECT_EQ(find(user_).mailbox, &mailbox);
  EXPECT_EQ(find(user_).generation, mailbox.generation());
}

TEST_F(BusyMailboxesTest, RetiresAMailboxThatIsTakenWithSingleNodes) {
  auto& mailbox = open(user_);
  count(mailbox, 1, 4);
  const auto before = find(user_);
  for (int take = 0; take < 7; ++take)
    BusyMailboxes::count_taken(mailbox, false);
  busy_.retire_if_quiet(mailbox);
  ASSERT_NE(find(user_).mailbox, nullptr);

  BusyMailboxes::count_taken(mailbox, false);
  busy_.retire_if_quiet(mailbox);

  EXPECT_EQ(find(user_).mailbox, nullptr);
  EXPECT_NE(mailbox.generation(), before.generation) << "a late push must be refused";
}

TEST_F(BusyMailboxesTest, KeepsAMailboxThatHoldsSomething) {
  Item item;
  auto& mailbox = open(user_);
  count(mailbox, 1, 4);
  ASSERT_EQ(mailbox.push(&item, mailbox.generation(), 0, SIZE_MAX), PushResult::first);

  EXPECT_FALSE(busy_.retire(mailbox));

  EXPECT_EQ(find(user_).mailbox, &mailbox);
  static_cast<void>(mailbox.take_all());
  EXPECT_TRUE(busy_.retire(mailbox));
}

TEST_F(BusyMailboxesTest, StaysWithinItsBound) {
  std::vector<UserId> users;
  for (std::size_t i = 0; i < 3 * BusyMailboxes::busy_max; ++i) {
    users.push_back(make_uuid_v4());
    count(open(users.back()), 1, 4);
  }

  std::size_t found = 0;
  for (const auto& user : users)
    found += find(user).mailbox != nullptr ? 1U : 0U;

  EXPECT_EQ(found, BusyMailboxes::busy_max);
}

}  // namespace
}  // namespace carillon::engine::detail
