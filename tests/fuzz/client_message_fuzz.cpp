// Claims, for any text of a `carillon.v1` client:
//  - it is taken apart or refused with a sentence; what is repeated of it in answers
//    is JSON;
//  - a filter that it sets, and only one without faults, is valid.
// And for any text as a batch: its events, or a refusal with the error envelope.
#include "carillon/engine/event_parser.hpp"
#include "net/src/batch_reader.hpp"
#include "net/src/client_message.hpp"
#include "tests/fuzz/require.hpp"

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using carillon::net::ClientMessage;

/// By the grammar: what is repeated may hold a number too big for simdjson, which the
/// target event_parser compares our check with.
bool is_json(std::string_view text) {
  return carillon::engine::check_json(text).empty();
}

void read_message(std::string text) {
  const auto message = carillon::net::parse_client_message(text);
  CARILLON_FUZZ_REQUIRE(is_json(message.ref));
  const bool refused = message.type == ClientMessage::Type::malformed ||
                       message.type == ClientMessage::Type::invalid;
  CARILLON_FUZZ_REQUIRE(refused == !message.error.empty());
  if (message.type != ClientMessage::Type::filter) return;
  const auto filter = carillon::net::parse_filter_message(text);
  for (const auto& fault : filter.faults.details)
    CARILLON_FUZZ_REQUIRE(simdjson::validate_utf8(fault.error.data(), fault.error.size()));
}

void read_batch(std::string_view body) {
  static carillon::engine::EventPool pool;
  static const auto user = carillon::engine::make_uuid_v4();
  static carillon::engine::EventParser parser{pool, user};
  const auto batch = carillon::net::read_batch(body, parser, {.user = user, .service = true},
                                               {.events_max = 16, .event_bytes_max = 256});
  CARILLON_FUZZ_REQUIRE(batch.events.size() <= 16);
  if (!batch.refusal) return;
  CARILLON_FUZZ_REQUIRE(batch.events.empty());
  CARILLON_FUZZ_REQUIRE(batch.refusal->status >= 400);
  CARILLON_FUZZ_REQUIRE(is_json(batch.refusal->body));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  read_message(std::string{input});
  read_batch(input);
  return 0;
}
