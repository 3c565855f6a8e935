#include "net/src/frame_encoder.hpp"

#include "carillon/engine/broadcaster.hpp"
#include "tests/support/events.hpp"
#include "tests/support/recording_sink.hpp"

#include <gtest/gtest.h>

#include <string>

namespace carillon::net {
namespace {

using engine::Delivery;

constexpr engine::Epoch epoch = 0x1234;

class FrameEncoderTest : public ::testing::Test {
 protected:
  FrameEncoderTest() {
    auto made = engine::Broadcaster::create({.shards = 1});
    broadcaster_ = std::move(*made);
    subscription_ = broadcaster_->subscribe(testing::user(1), sink_);
  }

  // A sequenced event whose JSON has `bytes` bytes.
  engine::EventRef event_of(std::size_t bytes) {
    const auto described = [&](std::size_t count) {
      auto builder = testing::event_for(*broadcaster_, testing::user(1));
      builder.with_metadata(R"({"m":")" + std::string(count, 'm') + "\"}");
      EXPECT_EQ(broadcaster_->publish(std::move(*builder.build())),
                engine::PublishStatus::accepted);
      EXPECT_TRUE(sink_->wait_seen(++seen_));
      return sink_->seen().back().event;
    };
    const auto least = described(0)->json().size();
    // The sequence may need one digit more than the first one's did.
    auto event = described(bytes - least);
    while (event->json().size() != bytes)
      event = described(2 * bytes - least - event->json().size());
    return event;
  }
  static std::string text(const SharedBytes& bytes) {
    return bytes.arena->substr(bytes.begin, bytes.size());
  }
  static std::string cursor(const engine::Position& position) {
    return engine::to_string(engine::Cursor{epoch, position});
  }

  std::unique_ptr<engine::Broadcaster> broadcaster_;
  std::shared_ptr<testing::RecordingSink> sink_ = std::make_shared<testing::RecordingSink>();
  engine::Subscription subscription_;
  std::size_t seen_ = 0;
  FrameEncoder encoder_{epoch};
};

TEST_F(FrameEncoderTest, WritesEachFormatByteForByte) {
  const auto event = event_of(500);
  const Delivery delivery{.event = event.get(), .position = {.user = 9, .broadcast = 4}, .slot = 3};
  const std::string json{event->json()};
  const auto at = cursor(delivery.position);

  const auto plain = json.substr(0, json.size() - 1) + R"(,"cursor":")" + at + "\"}";
  const auto v1 = R"({"type":"event","cursor":")" + at + R"(","event":)" + json + "}";
  std::string plain_frame;
  std::string v1_frame;
  append_text_frame(plain_frame, plain);
  append_text_frame(v1_frame, v1);

  EXPECT_EQ(text(encoder_.encode(FrameFormat::websocket_plain, delivery)), plain_frame);
  EXPECT_EQ(text(encoder_.encode(FrameFormat::websocket_v1, delivery)), v1_frame);
  EXPECT_EQ(text(encoder_.encode(FrameFormat::sse, delivery)),
            "id: " + at + "\ndata: " + json + "\n\n");
}

TEST_F(FrameEncoderTest, ChoosesTheShortestLengthForm) {
  const auto header = [](std::size_t payload_bytes) {
    std::string frame;
    append_text_frame(frame, std::string(payload_bytes, 'x'));
    return frame.substr(0, frame.size() - payload_bytes);
  };

  EXPECT_EQ(header(0), std::string("\x81\x00", 2));
  EXPECT_EQ(header(125), std::string("\x81\x7D", 2));
  EXPECT_EQ(header(126), std::string("\x81\x7E\x00\x7E", 4));
  EXPECT_EQ(header(65'535), std::string("\x81\x7E\xFF\xFF", 4));
  EXPECT_EQ(header(65'536), std::string("\x81\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10));
}

TEST_F(FrameEncoderTest, EventFramesUseTheSameLengthForms) {
  // `,"cursor":"…"` with its 32 characters makes the JSON 44 bytes longer.
  for (const std::size_t payload : {65'535U, 65'536U}) {
    const auto event = event_of(payload - 44);
    const auto frame = text(encoder_.encode(FrameFormat::websocket_plain,
                                            {.event = event.get(), .position = {}, .slot = 0}));
    std::string expected;
    append_text_frame(expected, frame.substr(frame.size() - payload));
    EXPECT_EQ(frame, expected);
    encoder_.reset();
  }
}

TEST_F(FrameEncoderTest, EncodesADeliveryOncePerTurn) {
  const auto event = event_of(500);
  const auto other = event_of(501);
  encoder_.begin_turn(1);
  const auto first =
      encoder_.encode(FrameFormat::sse, {.event = event.get(), .position = {}, .slot = 0});
  const auto second =
      encoder_.encode(FrameFormat::sse, {.event = other.get(), .position = {}, .slot = 1});
  const auto again =
      encoder_.encode(FrameFormat::sse, {.event = event.get(), .position = {}, .slot = 0});

  EXPECT_EQ(again.begin, first.begin);
  EXPECT_EQ(again.end, first.end);
  EXPECT_EQ(second.begin, first.end);  // a batch is contiguous

  encoder_.begin_turn(2);
  const auto reused =
      encoder_.encode(FrameFormat::sse, {.event = other.get(), .position = {}, .slot = 0});
  EXPECT_EQ(text(reused).find(std::string{other->json()}), 43U);
}

TEST_F(FrameEncoderTest, KeepsWhatItEncodedUntilItIsReset) {
  const auto event = event_of(500);
  encoder_.begin_turn(1);
  const auto first =
      encoder_.encode(FrameFormat::sse, {.event = event.get(), .position = {}, .slot = 0});
  const auto before = text(first);
  encoder_.begin_turn(2);
  const auto next =
      encoder_.encode(FrameFormat::sse, {.event = event.get(), .position = {}, .slot = 0});

  EXPECT_EQ(text(first), before);
  EXPECT_EQ(next.begin, first.end);  // turns that leave together are contiguous
}

TEST_F(FrameEncoderTest, SaysWhenItsTextsAreLarge) {
  const auto event = event_of(100'000);
  std::uint32_t slot = 0;
  while (!encoder_.full())
    static_cast<void>(
        encoder_.encode(FrameFormat::sse, {.event = event.get(), .position = {}, .slot = slot++}));

  EXPECT_EQ(slot, FrameEncoder::shared_bytes_max / 100'000 + 1);
  encoder_.reset();
  EXPECT_FALSE(encoder_.full());
}

}  // namespace
}  // namespace carillon::net
