#include "tools/carillon/sse_parser.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace carillon::client {
namespace {

const std::string stream =
    "retry: 2000\nid: c0\n\n"
    ": keepalive\n\n"
    "event: welcome\ndata: {}\n\n"
    "id: c1\ndata: one\n\n"
    "id: c2\r\ndata: two\r\ndata:lines\r\n\r\n"
    "data\r\r";

std::vector<std::string> read(const std::vector<std::string>& pieces) {
  std::vector<std::string> events;
  SseParser parser{[&events](const SseEvent& event) {
    events.push_back(event.type + "|" + event.id + "|" + event.data);
    return true;
  }};
  for (const auto& piece : pieces)
    EXPECT_TRUE(parser.feed(piece));
  return events;
}

const std::vector<std::string> expected{"welcome|c0|{}", "|c1|one", "|c2|two\nlines", "|c2|"};

TEST(SseParserTest, ReadsEventsAndSkipsTheRest) {
  EXPECT_EQ(read({stream}), expected);
}

TEST(SseParserTest, BytesMayBeCutAnywhere) {
  for (std::size_t cut = 0; cut <= stream.size(); ++cut)
    EXPECT_EQ(read({stream.substr(0, cut), stream.substr(cut)}), expected) << "cut at " << cut;
}

TEST(SseParserTest, StopsWhenItIsTold) {
  int events = 0;
  SseParser parser{[&events](const SseEvent&) { return ++events < 1; }};

  EXPECT_FALSE(parser.feed("data: a\n\ndata: b\n\n"));
  EXPECT_EQ(events, 1);
}

}  // namespace
}  // namespace carillon::client
