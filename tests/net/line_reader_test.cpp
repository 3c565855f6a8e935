#include "net/src/line_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace carillon::net {
namespace {

using Lines = std::vector<std::pair<std::uint64_t, std::string>>;

/// What comes of a text that is given in pieces of that size. A line that is too long
/// is `!`.
Lines cut(std::string_view text, std::size_t piece, std::size_t line_bytes_max = 100) {
  LineReader reader{line_bytes_max};
  std::string buffer;
  Lines lines;
  const auto take = [&](bool ended) {
    while (const auto line = reader.next(buffer, ended))
      lines.emplace_back(line->number, line->too_long ? "!" : line->text);
    reader.drop_taken(buffer);
    EXPECT_LE(buffer.size(), line_bytes_max + 1);
  };
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    buffer += text.substr(0, piece);
    take(false);
  }
  take(true);
  EXPECT_TRUE(buffer.empty());
  return lines;
}

TEST(LineReaderTest, CutsTheSameLinesHoweverTheTextComes) {
  const std::string_view text = "one\ntwo\r\n\n \t\r\nfive\n\nlast";
  const Lines expected{{1, "one"}, {2, "two"}, {5, "five"}, {7, "last"}};

  for (std::size_t piece = 1; piece <= text.size(); ++piece)
    EXPECT_EQ(cut(text, piece), expected) << piece;
}

TEST(LineReaderTest, ThrowsTooLongALineAwayAsItComes) {
  const std::string text =
      "12345\r\n123456\n" + std::string(50, 'x') + "\nok\n" + std::string(50, 'y');
  const Lines expected{{1, "12345"}, {2, "!"}, {3, "!"}, {4, "ok"}, {5, "!"}};

  for (std::size_t piece = 1; piece <= text.size(); ++piece)
    EXPECT_EQ(cut(text, piece, 5), expected) << piece;
}

TEST(LineReaderTest, HasNoLastLineBehindANewline) {
  EXPECT_EQ(cut("one\n", 2), (Lines{{1, "one"}}));
  EXPECT_TRUE(cut("", 1).empty());
  EXPECT_TRUE(cut("\n\n\n", 1).empty());
}

}  // namespace
}  // namespace carillon::net
