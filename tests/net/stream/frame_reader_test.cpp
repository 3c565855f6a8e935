#include "net/src/frame_reader.hpp"

#include "tests/support/websocket_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::net {
namespace {

using namespace std::string_view_literals;
using ::testing::ElementsAre;
using testing::WebSocketClient;
using testing::WebSocketFrame;

constexpr std::size_t message_bytes_max = 200'000;

std::string text(std::string_view payload, bool fin = true) {
  return WebSocketClient::frame(WebSocketFrame::text, payload, fin);
}
std::string more(std::string_view payload, bool fin = true) {
  return WebSocketClient::frame(WebSocketFrame::continuation, payload, fin);
}
std::string close_with(unsigned code, std::string_view reason = {}) {
  return WebSocketClient::frame(WebSocketFrame::close,
                                WebSocketClient::close_payload(code, reason));
}

/// What a reader made of some bytes, a word for each step.
std::vector<std::string> read(std::string bytes, std::size_t chop = std::string::npos) {
  FrameReader reader{message_bytes_max};
  std::vector<std::string> steps;
  for (std::size_t at = 0; at < bytes.size(); at += std::min(chop, bytes.size())) {
    std::span<char> data{bytes.data() + at, std::min(chop, bytes.size() - at)};
    for (;;) {
      const FrameStep step = reader.feed(data);
      if (step == FrameStep::needs_more) break;
      if (step == FrameStep::message)
        steps.push_back((reader.is_text() ? "text:" : "binary:") + reader.message());
      if (step == FrameStep::ping) steps.push_back("ping:" + std::string{reader.control_payload()});
      if (step == FrameStep::pong) steps.push_back("pong:" + std::string{reader.control_payload()});
      if (step == FrameStep::close)
        steps.push_back("close:" + std::to_string(static_cast<unsigned>(reader.close_code())));
      if (step == FrameStep::fault) {
        steps.push_back("fault:" + std::to_string(static_cast<unsigned>(reader.fault_code())));
        return steps;
      }
    }
  }
  return steps;
}

/// A header alone, with any first byte and an announced length of eight bytes.
std::string announce(unsigned first, std::uint64_t length) {
  std::string bytes{static_cast<char>(first), static_cast<char>(0xFF)};
  for (unsigned left = 8; left > 0; --left)
    bytes.push_back(static_cast<char>((length >> (8 * (left - 1))) & 0xFFU));
  return bytes + "mask";
}

TEST(FrameReaderTest, ReadsMessagesAtEveryBorderOfTheLengthField) {
  for (const std::size_t size : {0U, 1U, 7U, 8U, 9U, 124U, 125U, 126U, 127U, 128U, 65'534U, 65'535U,
                                 65'536U, 65'537U, 200'000U}) {
    const std::string payload(size, 'x');
    EXPECT_THAT(read(text(payload)), ElementsAre("text:" + payload)) << size;
    EXPECT_THAT(read(WebSocketClient::frame(WebSocketFrame::binary, payload), 997),
                ElementsAre("binary:" + payload))
        << size;
  }
}

TEST(FrameReaderTest, ReadsTheSameHoweverTheBytesAreChopped) {
  const std::string wire =
      text("k\xC3\xB6\xE2\x82\xAC", false) + WebSocketClient::frame(WebSocketFrame::ping, "here?") +
      more("\xF0\x9F\x94", false) + WebSocketClient::frame(WebSocketFrame::pong, "") +
      more("\x94 end") + text(std::string(300, 'y')) + text("") + close_with(1000, "bye");
  const auto whole = read(wire);
  ASSERT_THAT(whole,
              ElementsAre("ping:here?", "pong:", "text:k\xC3\xB6\xE2\x82\xAC\xF0\x9F\x94\x94 end",
                          "text:" + std::string(300, 'y'), "text:", "close:1000"));

  for (std::size_t chop = 1; chop <= wire.size(); ++chop)
    EXPECT_EQ(read(wire, chop), whole) << chop;
}

TEST(FrameReaderTest, PutsFragmentsTogetherAndEmptyOnesToo) {
  EXPECT_THAT(read(text("", false) + more("", false) + more("")), ElementsAre("text:"));
  EXPECT_THAT(read(text("", false) + more("middle", false) + more("")), ElementsAre("text:middle"));
  EXPECT_THAT(read(text("a") + text("b", false) + more("c") + text("d")),
              ElementsAre("text:a", "text:bc", "text:d"));
}

TEST(FrameReaderTest, RefusesFragmentsOutOfPlace) {
  EXPECT_THAT(read(more("of nothing")), ElementsAre("fault:1002"));
  EXPECT_THAT(read(more("of nothing", false)), ElementsAre("fault:1002"));
  EXPECT_THAT(read(text("a", false) + text("b")), ElementsAre("fault:1002"));
  EXPECT_THAT(read(text("a", false) + more("b") + more("c")), ElementsAre("text:ab", "fault:1002"));
}

TEST(FrameReaderTest, TakesControlFramesOfUpTo125BytesInOnePiece) {
  const std::string payload(125, '\xFE');
  EXPECT_THAT(read(WebSocketClient::frame(WebSocketFrame::ping, payload)),
              ElementsAre("ping:" + payload));

  for (const auto opcode : {WebSocketFrame::ping, WebSocketFrame::pong, WebSocketFrame::close}) {
    EXPECT_THAT(read(WebSocketClient::frame(opcode, std::string(126, 'x'))),
                ElementsAre("fault:1002"));
    EXPECT_THAT(read(WebSocketClient::frame(opcode, "", false)), ElementsAre("fault:1002"));
  }
}

TEST(FrameReaderTest, RefusesReservedBitsUnknownOpcodesAndUnmaskedFramesByTheirFirstBytes) {
  for (const unsigned bit : {0x10U, 0x20U, 0x40U})
    EXPECT_THAT(read({static_cast<char>(0x81U | bit), static_cast<char>(0x80)}),
                ElementsAre("fault:1002"));
  for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U})
    EXPECT_THAT(read({static_cast<char>(0x80U | opcode), static_cast<char>(0x80)}),
                ElementsAre("fault:1002"));
  EXPECT_THAT(read({static_cast<char>(0x81), 0x02}), ElementsAre("fault:1002"));
}

TEST(FrameReaderTest, RefusesALengthThatIsLongerThanItMustBe) {
  EXPECT_THAT(read(std::string{"\x81\xFE\x00\x7Dmask", 8}), ElementsAre("fault:1002"));
  EXPECT_THAT(read(announce(0x81, 65'535)), ElementsAre("fault:1002"));
  EXPECT_THAT(read(announce(0x81, std::uint64_t{1} << 63U)), ElementsAre("fault:1002"));
}

TEST(FrameReaderTest, RefusesAMessageOverTheBoundByItsHeader) {
  EXPECT_THAT(read(announce(0x81, message_bytes_max + 1)), ElementsAre("fault:1009"));
  EXPECT_THAT(read(announce(0x82, ~std::uint64_t{0} >> 1U)), ElementsAre("fault:1009"));
  EXPECT_THAT(read(text(std::string(message_bytes_max, 'x'), false) + more("y")),
              ElementsAre("fault:1009"));
}

TEST(FrameReaderTest, GrowsWithTheBytesThatCameNotWithTheLengthThatIsAnnounced) {
  FrameReader reader{message_bytes_max};
  std::string bytes = announce(0x81, message_bytes_max) + "some";
  std::span<char> data{bytes};

  ASSERT_EQ(reader.feed(data), FrameStep::needs_more);

  EXPECT_LT(reader.message().capacity(), 64U);
  EXPECT_FALSE(reader.is_idle());
}

TEST(FrameReaderTest, TakesEveryValidEndOfTheCodePoints) {
  const std::string ends =
      "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEC\xBF\xBF\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF"
      "\xF0\x90\x80\x80\xF3\xBF\xBF\xBF\xF4\x8F\xBF\xBF";
  for (std::size_t chop = 1; chop <= 7; ++chop)
    EXPECT_THAT(read(text(ends), chop), ElementsAre("text:" + ends)) << chop;
}

TEST(FrameReaderTest, RefusesInvalidUtf8HoweverItIsChopped) {
  for (const std::string_view bad :
       {"\x80"sv, "\xBF"sv, "\xC0\x80"sv, "\xC1\xBF"sv, "\xC3\x28"sv, "\xE0\x80\x80"sv,
        "\xE0\x9F\xBF"sv, "\xED\xA0\x80"sv, "\xED\xBF\xBF"sv, "\xF0\x80\x80\x80"sv,
        "\xF0\x8F\xBF\xBF"sv, "\xF4\x90\x80\x80"sv, "\xF5\x80\x80\x80"sv, "\xF8\x88\x80\x80\x80"sv,
        "\xFE"sv, "\xFF"sv, "\xE2\x82"sv, "\xF0\x9F\x94"sv, "\xE2\x82x"sv}) {
    for (std::size_t chop = 1; chop <= 4; ++chop)
      EXPECT_THAT(read(text("ok" + std::string{bad}), chop), ElementsAre("fault:1007")) << bad;
  }
}

TEST(FrameReaderTest, RefusesInvalidUtf8BeforeTheFrameIsComplete) {
  for (const std::string_view bad :
       {"\xFF"sv, "\xED\xA0"sv, "\xF4\x90"sv, "\xE0\x9F"sv, "\xF0\x8F"sv}) {
    std::string wire = text("good" + std::string{bad} + std::string(1'000, 'x'));
    wire.resize(8 + 4 + bad.size());
    EXPECT_THAT(read(wire), ElementsAre("fault:1007"));
  }
  EXPECT_THAT(read(text("good\xFF", false)), ElementsAre("fault:1007"));
}

TEST(FrameReaderTest, RefusesTextWhoseLastFragmentLeavesACharacterOpen) {
  EXPECT_THAT(read(text("\xE2\x82", false) + more("")), ElementsAre("fault:1007"));
  EXPECT_THAT(read(text("\xE2\x82", false) + more("\xAC")), ElementsAre("text:\xE2\x82\xAC"));
}

TEST(FrameReaderTest, LeavesBinaryMessagesUnchecked) {
  EXPECT_THAT(read(WebSocketClient::frame(WebSocketFrame::binary, "\xFF\xFE")),
              ElementsAre("binary:\xFF\xFE"));
}

TEST(FrameReaderTest, TakesTheCloseCodesThatMayGoOverTheWire) {
  for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U,
                              1013U, 1014U, 3000U, 3999U, 4000U, 4999U})
    EXPECT_THAT(read(close_with(code, "why")), ElementsAre("close:" + std::to_string(code)));
  for (const unsigned code :
       {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65'535U})
    EXPECT_THAT(read(close_with(code)), ElementsAre("fault:1002")) << code;
}

TEST(FrameReaderTest, TakesACloseWithoutCodeAndRefusesHalfOne) {
  EXPECT_THAT(read(WebSocketClient::frame(WebSocketFrame::close, "")), ElementsAre("close:0"));
  EXPECT_THAT(read(WebSocketClient::frame(WebSocketFrame::close, "\x03")),
              ElementsAre("fault:1002"));
  EXPECT_THAT(read(close_with(1000, std::string(123, 'x'))), ElementsAre("close:1000"));
  EXPECT_THAT(read(close_with(1000, "\xC3\x28")), ElementsAre("fault:1007"));
  EXPECT_THAT(read(close_with(1000, "\xE2\x82")), ElementsAre("fault:1007"));
}

TEST(FrameReaderTest, ReadsNothingBehindAClose) {
  EXPECT_THAT(read(close_with(1000) + text("late") + "\xFF"), ElementsAre("close:1000"));
  EXPECT_THAT(read(text("a", false) + close_with(1001) + more("b")), ElementsAre("close:1001"));
}

TEST(FrameReaderTest, IsIdleBetweenMessagesOnly) {
  FrameReader reader{message_bytes_max};
  EXPECT_TRUE(reader.is_idle());
  std::string wire = text("a", false) + more("b");
  for (std::size_t at = 0; at < wire.size(); ++at) {
    std::span<char> data{wire.data() + at, 1};
    static_cast<void>(reader.feed(data));
    EXPECT_EQ(reader.is_idle(), at + 1 == wire.size()) << at;
  }
}

TEST(ControlFrameTest, CutsAReasonThatDoesNotFitAtACharacter) {
  const auto frame = close_frame(CloseCode::policy_error, std::string(122, 'x') + "\xE2\x82\xAC");

  EXPECT_EQ(frame.size(), 2 + 2 + 122U);
  EXPECT_EQ(frame.substr(0, 4), std::string("\x88\x7C\x03\xF0", 4));
  EXPECT_EQ(close_frame(CloseCode::none, "unsaid"), std::string("\x88\x00", 2));
  EXPECT_EQ(pong_frame("x"), std::string("\x8A\x01x", 3));
}

}  // namespace
}  // namespace carillon::net
