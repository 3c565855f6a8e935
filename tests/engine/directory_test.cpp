#include "engine/src/directory.hpp"

#include "carillon/engine/ids.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace carillon::engine::detail {
namespace {

UserId user_number(std::uint64_t number) {
  UserId user;
  for (std::size_t i = 0; i < 8; ++i)
    user.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return user;
}

class DirectoryTest : public ::testing::Test {
 protected:
  Mailbox& add(const UserId& user) {
    auto& mailbox = mailboxes_.acquire();
    mailbox.open(user);
    directory_.insert(mailbox, hash_uuid(user), mailboxes_);
    return mailbox;
  }
  void remove(Mailbox& mailbox) {
    const auto user = mailbox.user();
    const auto generation = mailbox.generation();
    ASSERT_TRUE(mailbox.close());
    directory_.erase(mailbox, generation, hash_uuid(user));
    mailboxes_.release(mailbox);
  }
  MailboxRef find(const UserId& user) { return directory_.find(user, hash_uuid(user), mailboxes_); }

  MailboxTable mailboxes_;
  Directory directory_;
};

TEST_F(DirectoryTest, FindsWhatWasInsertedAndNothingElse) {
  auto& mailbox = add(user_number(1));

  EXPECT_EQ(find(user_number(1)).mailbox, &mailbox);
  EXPECT_EQ(find(user_number(1)).generation, mailbox.generation());
  EXPECT_EQ(find(user_number(2)).mailbox, nullptr);
}

TEST_F(DirectoryTest, ForgetsWhatWasErased) {
  remove(add(user_number(1)));

  EXPECT_EQ(find(user_number(1)).mailbox, nullptr);
  EXPECT_EQ(directory_.size(), 0U);
}

TEST_F(DirectoryTest, KeepsEveryEntryAsItGrows) {
  constexpr std::uint64_t users = 20'000;
  for (std::uint64_t i = 0; i < users; ++i)
    add(user_number(i));

  for (std::uint64_t i = 0; i < users; ++i) {
    const auto ref = find(user_number(i));
    ASSERT_NE(ref.mailbox, nullptr) << i;
    ASSERT_EQ(ref.mailbox->user(), user_number(i));
  }
}

// Goal: tombstones, reuse and rebuilds lose nothing. Method: random inserts and
// erases beside a std::map.
TEST_F(DirectoryTest, KnowsTheProbableMailboxWithoutReadingIt) {
  constexpr std::uint64_t users = 1'500;  // of 2,048 slots: most probes meet others' first
  std::vector<Mailbox*> mailboxes;
  for (std::uint64_t i = 0; i < users; ++i)
    mailboxes.push_back(&add(user_number(i)));
  for (std::uint64_t i = 0; i < users; i += 3)
    remove(*mailboxes[i]);

  std::size_t right = 0;
  for (std::uint64_t i = 1; i < users; i += 3)
    right += directory_.probable(hash_uuid(user_number(i)), mailboxes_) == mailboxes[i] ? 1U : 0U;

  // Ten bits of hash tell two users apart but once in a thousand times.
  EXPECT_GE(right, users / 3 - 5);
}

TEST_F(DirectoryTest, AgreesWithAMapThroughRandomChurn) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random{seed};
  std::map<std::uint64_t, Mailbox*> model;
  for (int step = 0; step < 100'000; ++step) {
    const std::uint64_t number = random() % 300;
    const auto known = model.find(number);
    if (known == model.end()) {
      model[number] = &add(user_number(number));
    } else if (random() % 2 == 0) {
      remove(*known->second);
      model.erase(known);
    }
    const std::uint64_t probe = random() % 300;
    const auto expected = model.find(probe);
    ASSERT_EQ(find(user_number(probe)).mailbox,
              expected == model.end() ? nullptr : expected->second);
  }
  EXPECT_EQ(directory_.size(), model.size());
}

}  // namespace
}  // namespace carillon::engine::detail
