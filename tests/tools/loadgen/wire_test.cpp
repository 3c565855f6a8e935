#include "tools/loadgen/wire.hpp"

#include "tools/loadgen/response_reader.hpp"

#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::loadgen {
namespace {

// A server's frame: a client's without the mask.
std::string server_frame(std::string_view payload) {
  std::string frame;
  append_frame(frame, Opcode::text, payload);
  frame[1] = static_cast<char>(frame[1] & 0x7F);
  return frame.erase(frame.size() - payload.size() - 4, 4);
}

TEST(FrameTest, AreReadWhateverTheirLengthAndTheCuts) {
  const std::vector<std::string> sent{"", "short", std::string(126, 'm'), std::string(70'000, 'l')};
  std::string stream;
  for (const auto& payload : sent)
    stream += server_frame(payload);
  std::vector<std::string> received;
  Carry carry;

  for (std::size_t at = 0; at < stream.size(); at += 7)
    carry.feed(std::string_view{stream}.substr(at, 7), [&received](std::string_view bytes) {
      auto rest = bytes;
      while (const auto frame = next_frame(rest))
        received.emplace_back(frame->payload);
      return bytes.size() - rest.size();
    });

  EXPECT_EQ(received, sent);
}

TEST(FrameTest, RefusesAMaskedFrameOfAServer) {
  std::string masked;
  append_frame(masked, Opcode::text, "x");
  std::string_view bytes = masked;

  EXPECT_THROW(static_cast<void>(next_frame(bytes)), std::runtime_error);
}

TEST(WebSocketKeyTest, IsRandomAndHasOneAnswer) {
  std::set<std::string> keys;
  for (int count = 0; count < 100; ++count)
    EXPECT_EQ(keys.insert(make_websocket_key()).first->size(), 24U) << "16 bytes in base64";

  EXPECT_EQ(keys.size(), 100U);
  // The example of RFC 6455, section 1.3.
  EXPECT_EQ(accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(EventStreamTest, IsSplitAtEmptyLinesOfEitherKind) {
  std::string_view bytes = "data: a\nid: 1\n\n: keepalive\r\n\r\ndata: c\n";

  EXPECT_EQ(next_block(bytes), "data: a\nid: 1");
  EXPECT_EQ(next_block(bytes), ": keepalive\r");
  EXPECT_FALSE(next_block(bytes)) << "its empty line has not come";
  EXPECT_EQ(bytes, "data: c\n");
}

TEST(ResponseReaderTest, ReadsPipelinedAnswersOfEitherLengthKind) {
  const std::string stream =
      "HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nabc"
      "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n"
      "HTTP/1.1 204 No Content\r\n\r\n";
  std::string bodies;
  std::vector<unsigned> statuses;
  ResponseReader reader{[&bodies](std::string_view body) { bodies += body; }};
  Carry carry;

  for (const char byte : stream)
    carry.feed({&byte, 1}, [&](std::string_view bytes) {
      const auto taken = reader.feed(bytes);
      if (reader.done()) {
        statuses.push_back(reader.status());
        reader.begin();
      }
      return taken;
    });

  EXPECT_EQ(statuses, (std::vector<unsigned>{201, 503, 204}));
  EXPECT_EQ(bodies, "abcdef");
}

TEST(ResponseReaderTest, RefusesWhatIsNoHttp) {
  ResponseReader reader{[](std::string_view) {}};

  EXPECT_THROW(static_cast<void>(reader.feed("SSH-2.0-OpenSSH\r\n")), std::runtime_error);
}

}  // namespace
}  // namespace carillon::loadgen
