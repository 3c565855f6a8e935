#include "net/src/session_backlog.hpp"

#include <gtest/gtest.h>

#include <string>

namespace carillon::net {
namespace {

using WriteOutcome = SessionBacklog::WriteOutcome;

class SessionBacklogTest : public ::testing::Test {
 protected:
  SessionBacklogTest()
      : acceptor_{context_, {asio::ip::address_v4::loopback(), 0}},
        client_{context_},
        backlog_{connected()} {}

  tcp::socket connected() {
    client_.connect(acceptor_.local_endpoint());
    return acceptor_.accept();
  }
  std::string read(std::size_t bytes) {
    std::string text(bytes, '\0');
    asio::read(client_, asio::buffer(text));
    return text;
  }
  // Fills the connection until a write is blocked; returns all that was given.
  std::string block() {
    std::string given;
    while (backlog_.bytes() == 0) {
      const std::string piece(100'000, static_cast<char>('a' + given.size() / 100'000 % 26));
      backlog_.append(piece);
      given += piece;
      static_cast<void>(backlog_.write());
    }
    return given;
  }
  // Writes and reads in turn until all of the `bytes` have come.
  std::string write_and_read_all(std::size_t bytes) {
    std::string text;
    for (bool drained = false; !drained;) {
      drained = backlog_.write() == WriteOutcome::drained;
      std::string piece(1 << 20U, '\0');
      piece.resize(client_.read_some(asio::buffer(piece)));
      text += piece;
    }
    return text + read(bytes - text.size());
  }

  asio::io_context context_;
  tcp::acceptor acceptor_;
  tcp::socket client_;
  SessionBacklog backlog_;
};

TEST_F(SessionBacklogTest, WritesWhatWasAppendedAndLentInOrder) {
  const std::string arena = "..second.third..";
  backlog_.append("first.");
  backlog_.lend({&arena, 2, 9});
  backlog_.lend({&arena, 9, 15});
  backlog_.append("fourth");
  EXPECT_EQ(backlog_.bytes(), 6U + 13U + 6U);

  EXPECT_EQ(backlog_.write(), WriteOutcome::drained);

  EXPECT_EQ(read(25), "first.second.third.fourth");
  EXPECT_EQ(backlog_.bytes(), 0U);
}

TEST_F(SessionBacklogTest, BorrowsAdjacentPartsWithoutCopyingUntilItWrites) {
  std::string arena = "one two ";
  backlog_.lend({&arena, 0, 4});
  backlog_.lend({&arena, 4, 8});
  arena[0] = 'O';  // seen by the write, because nothing was copied

  EXPECT_EQ(backlog_.write(), WriteOutcome::drained);

  EXPECT_EQ(read(8), "One two ");
}

TEST_F(SessionBacklogTest, CopiesWhatIsNotAdjacentAndWhatItCouldNotWrite) {
  std::string arena = "one gap two ";
  backlog_.lend({&arena, 0, 4});
  backlog_.lend({&arena, 8, 12});
  arena.assign(arena.size(), '!');
  EXPECT_EQ(backlog_.write(), WriteOutcome::drained);
  EXPECT_EQ(read(8), "one two ");

  const std::string given = block();
  std::string lent = "lent while blocked";
  backlog_.lend({&lent, 0, lent.size()});
  const std::string expected = given + lent;
  lent.assign(lent.size(), '!');
  EXPECT_EQ(write_and_read_all(expected.size()), expected);
}

TEST_F(SessionBacklogTest, KeepsTheRestOfALentPartThatTheSocketTookInPieces) {
  std::string lent;
  while (lent.size() < std::size_t{32} << 20U)
    lent += std::to_string(lent.size()) + ",";
  const std::string expected = lent;
  backlog_.lend({&lent, 0, lent.size()});

  EXPECT_EQ(backlog_.write(), WriteOutcome::blocked);
  lent.clear();

  EXPECT_EQ(write_and_read_all(expected.size()), expected);
}

TEST_F(SessionBacklogTest, ReportsABrokenConnection) {
  client_.set_option(asio::socket_base::linger{true, 0});
  client_.close();
  WriteOutcome outcome = WriteOutcome::drained;
  for (int tries = 0; tries < 3 && outcome == WriteOutcome::drained; ++tries) {
    backlog_.append("x");
    outcome = backlog_.write();
  }

  EXPECT_EQ(outcome, WriteOutcome::failed);
}

TEST_F(SessionBacklogTest, WithNothingQueuedAWriteIsDrained) {
  EXPECT_EQ(backlog_.write(), WriteOutcome::drained);
  backlog_.append("x");
  backlog_.discard();
  EXPECT_EQ(backlog_.bytes(), 0U);
  EXPECT_EQ(backlog_.write(), WriteOutcome::drained);
}

}  // namespace
}  // namespace carillon::net
