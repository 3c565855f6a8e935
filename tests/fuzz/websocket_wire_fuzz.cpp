// Claims, for any bytes that a client sends behind a WebSocket's handshake, in
// pieces of any size:
//  - the server ends the connection after the client has ended its side;
//  - what it sends is well-formed (RFC 6455): unmasked frames of the known kinds with
//    the shortest lengths, text that is JSON, one close frame at most, with a code
//    that may be sent, and nothing behind it;
//  - afterwards it serves the next client.
//
// The first byte of an input says in which pieces, with which subprotocol, and how the
// others are meant: as they are, or as frames to be masked, each of them one byte of
// header, one of length, and the payload.
#include "carillon/engine/event_parser.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/fuzz/wire_client.hpp"
#include "tests/fuzz/wire_server.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using carillon::fuzz::Conversation;
using carillon::fuzz::converse;

constexpr std::uint8_t bits_of_pieces = 3;
constexpr std::uint8_t bit_of_subprotocol = 4;
constexpr std::uint8_t bit_of_frames = 8;

carillon::fuzz::WireServer& server() {
  static carillon::fuzz::WireServer one;
  return one;
}

std::string upgrade(bool v1) {
  std::string request =
      "GET /api/events/subscribe HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  if (v1) request += "Sec-WebSocket-Protocol: carillon.v1\r\n";
  return request + "\r\n";
}

/// A masked frame; a key of zeros leaves the payload readable for the fuzzer.
void append_frame(std::string& out, char first, std::string_view payload) {
  constexpr std::size_t short_max = 125;
  out += first;
  if (payload.size() <= short_max) {
    out += static_cast<char>(0x80U | payload.size());
  } else {
    out += static_cast<char>(0x80U | 126U);
    out += static_cast<char>(payload.size() >> 8U);
    out += static_cast<char>(payload.size() & 0xFFU);
  }
  out.append(4, '\0');
  out += payload;
}

std::string as_frames(std::string_view input) {
  std::string frames;
  while (input.size() >= 2) {
    const char first = input[0];
    // Sixteen times: payloads over the short lengths are worth reaching.
    const std::size_t wanted = static_cast<unsigned char>(input[1]);
    const std::size_t length = (first & 0x08) != 0 ? wanted : wanted * 16;
    input.remove_prefix(2);
    append_frame(frames, first, input.substr(0, length));
    input.remove_prefix(std::min(length, input.size()));
  }
  return frames;
}

struct Frame {
  unsigned opcode = 0;
  std::string_view payload;
};

/// Takes the first frame of the text; false if it is cut off.
bool take_frame(std::string_view& text, Frame& frame) {
  const auto byte = [&](std::size_t at) {
    return std::size_t{static_cast<unsigned char>(text[at])};
  };
  if (text.size() < 2) return false;
  CARILLON_FUZZ_REQUIRE((byte(0) & 0xF0U) == 0x80U);  // FIN, nothing reserved
  CARILLON_FUZZ_REQUIRE((byte(1) & 0x80U) == 0);
  frame.opcode = byte(0) & 0x0FU;
  std::size_t length = byte(1);
  std::size_t header = 2;
  CARILLON_FUZZ_REQUIRE(length != 127);  // nothing here makes the server say so much
  if (length == 126) {
    if (text.size() < 4) return false;
    length = byte(2) << 8U | byte(3);
    header = 4;
    CARILLON_FUZZ_REQUIRE(length > 125);
  }
  if (text.size() < header + length) return false;
  frame.payload = text.substr(header, length);
  text.remove_prefix(header + length);
  return true;
}

void check_close(std::string_view payload) {
  if (payload.empty()) return;
  CARILLON_FUZZ_REQUIRE(payload.size() >= 2);
  const auto code = static_cast<unsigned>(static_cast<unsigned char>(payload[0])) << 8U |
                    static_cast<unsigned char>(payload[1]);
  // A client's close is answered with its own code, if section 7.4 and the registry
  // let it be sent.
  const bool reserved = code == 1004 || code == 1005 || code == 1006 || code == 1015;
  CARILLON_FUZZ_REQUIRE((code >= 1000 && code <= 1014 && !reserved) ||
                        (code >= 3000 && code <= 4999));
  CARILLON_FUZZ_REQUIRE(simdjson::validate_utf8(payload.data() + 2, payload.size() - 2));
}

void check_frames(std::string_view text, bool complete) {
  constexpr unsigned text_frame = 1;
  constexpr unsigned close_frame = 8;
  constexpr unsigned pong_frame = 10;
  bool closed = false;
  while (!text.empty()) {
    CARILLON_FUZZ_REQUIRE(!closed);
    Frame frame;
    if (!take_frame(text, frame)) {
      CARILLON_FUZZ_REQUIRE(!complete);
      return;
    }
    if (frame.opcode == text_frame) {
      // By the grammar: a number of the client's may be too big for simdjson, which the
      // target event_parser compares this check with. An event lies two levels deep.
      constexpr std::size_t levels_max = 66;
      CARILLON_FUZZ_REQUIRE(carillon::engine::check_json(frame.payload, levels_max).empty());
    } else if (frame.opcode == close_frame) {
      check_close(frame.payload);
      closed = true;
    } else {
      CARILLON_FUZZ_REQUIRE(frame.opcode == pong_frame);
      CARILLON_FUZZ_REQUIRE(frame.payload.size() <= 125);
    }
  }
}

void check_conversation(const Conversation& conversation) {
  const auto head_end = conversation.received.find("\r\n\r\n");
  if (head_end == std::string::npos) {
    CARILLON_FUZZ_REQUIRE(!conversation.complete);
    return;
  }
  CARILLON_FUZZ_REQUIRE(conversation.received.starts_with("HTTP/1.1 101 "));
  check_frames(std::string_view{conversation.received}.substr(head_end + 4), conversation.complete);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr std::array<std::size_t, 4> pieces{std::size_t{1} << 20U, 1, 7, 64};
  const std::string_view input{reinterpret_cast<const char*>(data) + 1, size - 1};
  auto sent = upgrade((data[0] & bit_of_subprotocol) != 0);
  sent += (data[0] & bit_of_frames) != 0 ? as_frames(input) : std::string{input};
  check_conversation(converse(server().port(), sent, pieces[data[0] & bits_of_pieces]));

  const auto after = converse(
      server().port(), "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", pieces[0]);
  CARILLON_FUZZ_REQUIRE(after.received.starts_with("HTTP/1.1 200 "));
  return 0;
}
