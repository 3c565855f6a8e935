// Claims, for any bytes that a client sends over HTTP, in pieces of any size:
//  - the server ends the connection after the client has ended its side;
//  - what it answers is HTTP/1.1: known status codes, headers, bodies as long as
//    they say; every refusal carries the error envelope;
//  - afterwards it serves the next client.
//
// The first byte of an input says in which pieces the others are sent.
#include "tests/fuzz/require.hpp"
#include "tests/fuzz/wire_client.hpp"
#include "tests/fuzz/wire_server.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using carillon::fuzz::Conversation;
using carillon::fuzz::converse;

constexpr std::array<unsigned, 21> known_statuses{100, 101, 200, 201, 202, 204, 400,
                                                  401, 403, 404, 405, 406, 408, 413,
                                                  415, 417, 426, 429, 431, 503, 505};

carillon::fuzz::WireServer& server() {
  static carillon::fuzz::WireServer one;
  return one;
}

std::string_view header(std::string_view head, std::string_view name) {
  const auto found = head.find(name);
  if (found == std::string_view::npos) return {};
  const auto value = head.substr(found + name.size());
  return value.substr(0, value.find("\r\n"));
}

/// A body of chunks, and how many bytes they take; 0 if they are cut off.
std::size_t chunks_size(std::string_view text) {
  std::size_t at = 0;
  for (;;) {
    const auto line_end = text.find("\r\n", at);
    if (line_end == std::string_view::npos) return 0;
    std::size_t size = 0;
    const auto read = std::from_chars(text.data() + at, text.data() + line_end, size, 16);
    CARILLON_FUZZ_REQUIRE(read.ec == std::errc{} && read.ptr == text.data() + line_end);
    at = line_end + 2 + size + 2;
    if (at > text.size()) return 0;
    CARILLON_FUZZ_REQUIRE(text.substr(at - 2, 2) == "\r\n");
    if (size == 0) return at;
  }
}

void check_envelope(std::string_view body) {
  static simdjson::dom::parser parser;
  simdjson::dom::element error;
  std::string_view text;
  CARILLON_FUZZ_REQUIRE(parser.parse(body.data(), body.size()).get(error) == simdjson::SUCCESS);
  CARILLON_FUZZ_REQUIRE(error["error"].get(text) == simdjson::SUCCESS && !text.empty());
  CARILLON_FUZZ_REQUIRE(error["code"].get(text) == simdjson::SUCCESS && !text.empty());
}

/// Checks the first answer of the text and removes it; false if what follows can't
/// be told apart (a stream, an answer without a body to HEAD, a cut).
bool check_answer(std::string_view& text, bool bodies, bool complete) {
  constexpr std::string_view version = "HTTP/1.1 ";
  const auto head_end = text.find("\r\n\r\n");
  if (head_end == std::string_view::npos) {
    CARILLON_FUZZ_REQUIRE(!complete);
    return false;
  }
  const auto head = text.substr(0, head_end + 2);
  CARILLON_FUZZ_REQUIRE(head.starts_with(version));
  unsigned status = 0;
  std::from_chars(head.data() + version.size(), head.data() + version.size() + 3, status);
  CARILLON_FUZZ_REQUIRE(std::find(known_statuses.begin(), known_statuses.end(), status) !=
                        known_statuses.end());
  text.remove_prefix(head_end + 4);
  if (status == 100) return true;
  if (status == 101 || !bodies) return false;
  if (header(head, "\r\nContent-Type: ").starts_with("text/event-stream")) return false;

  std::size_t body_bytes = 0;
  if (header(head, "\r\nTransfer-Encoding: ") == "chunked") {
    body_bytes = chunks_size(text);
    if (body_bytes == 0) return false;  // ends with the connection: how, is not judged here
  } else if (status != 204) {
    const auto length = header(head, "\r\nContent-Length: ");
    if (length.empty()) {
      // A stream of results to HTTP/1.0 ends with its connection.
      CARILLON_FUZZ_REQUIRE(status == 200 && header(head, "\r\nConnection: ") == "close");
      return false;
    }
    std::from_chars(length.data(), length.data() + length.size(), body_bytes);
  }
  if (body_bytes > text.size()) {
    CARILLON_FUZZ_REQUIRE(!complete);
    return false;
  }
  if (status >= 400) check_envelope(text.substr(0, body_bytes));
  text.remove_prefix(body_bytes);
  return true;
}

void check_answers(const Conversation& conversation, bool bodies) {
  std::string_view left = conversation.received;
  while (!left.empty() && check_answer(left, bodies, conversation.complete)) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr std::array<std::size_t, 4> pieces{std::size_t{1} << 20U, 1, 7, 64};
  const std::string_view sent{reinterpret_cast<const char*>(data) + 1, size - 1};
  check_answers(converse(server().port(), sent, pieces[data[0] % pieces.size()]),
                sent.find("HEAD ") == std::string_view::npos);

  const auto after = converse(
      server().port(), "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", pieces[0]);
  CARILLON_FUZZ_REQUIRE(after.received.starts_with("HTTP/1.1 200 "));
  return 0;
}
