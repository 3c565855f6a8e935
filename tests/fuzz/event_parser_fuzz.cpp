// Claims, for any bytes:
//  - check_json agrees with simdjson's DOM parser, but for what the two see
//    differently on purpose: numbers beyond a double, lone surrogates, depth;
//  - what the parser accepts is a well-formed event within the contract's
//    limits, and its own JSON, sent again, is the same event;
//  - what it refuses is explained;
//  - what the builder accepts, the parser accepts, with the same texts.
#include "carillon/engine/event_parser.hpp"
#include "engine/src/event_access.hpp"
#include "tests/fuzz/require.hpp"

#include <simdjson.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace {

using namespace carillon::engine;

constexpr std::size_t levels_of_simdjson = 1024;

/// The pool outlives the parser and the events, and both live for all inputs.
EventPool& pool() {
  static EventPool events;
  return events;
}

const Uuid& system_id() {
  static const auto id = make_uuid_v4();
  return id;
}

EventParser& parser() {
  static EventParser one{pool(), system_id()};
  return one;
}

bool has_surrogate_escape(std::string_view json) {
  return json.find("\\ud") != std::string_view::npos || json.find("\\uD") != std::string_view::npos;
}

void compare_with_simdjson(std::string_view json) {
  static simdjson::dom::parser dom;
  const auto ours = check_json(json, levels_of_simdjson);
  const auto theirs = dom.parse(json.data(), json.size()).error();
  if (ours.starts_with("nested deeper") || theirs == simdjson::DEPTH_ERROR) return;
  if (theirs == simdjson::SUCCESS) CARILLON_FUZZ_REQUIRE(ours.empty());
  if (ours.empty())
    CARILLON_FUZZ_REQUIRE(theirs == simdjson::SUCCESS || theirs == simdjson::NUMBER_ERROR ||
                          (theirs == simdjson::STRING_ERROR && has_surrogate_escape(json)));
}

void compare(const Event& a, const Event& b) {
  CARILLON_FUZZ_REQUIRE(a.id() == b.id());
  CARILLON_FUZZ_REQUIRE(a.owner() == b.owner());
  CARILLON_FUZZ_REQUIRE(a.system_id() == b.system_id());
  CARILLON_FUZZ_REQUIRE(a.operation_id() == b.operation_id());
  CARILLON_FUZZ_REQUIRE(a.acted_upon() == b.acted_upon());
  CARILLON_FUZZ_REQUIRE(a.category() == b.category());
  CARILLON_FUZZ_REQUIRE(a.action() == b.action());
  CARILLON_FUZZ_REQUIRE(a.severity() == b.severity());
  CARILLON_FUZZ_REQUIRE(a.audience() == b.audience());
  CARILLON_FUZZ_REQUIRE(a.view().description_json == b.view().description_json);
  CARILLON_FUZZ_REQUIRE(a.metadata_json() == b.metadata_json());
}

void check_limits(const Event& event) {
  CARILLON_FUZZ_REQUIRE(!event.category().empty() && event.category().size() <= kind_bytes_max);
  CARILLON_FUZZ_REQUIRE(!event.action().empty() && event.action().size() <= kind_bytes_max);
  CARILLON_FUZZ_REQUIRE(event.metadata_json().starts_with('{'));
  const auto description = event.description();
  CARILLON_FUZZ_REQUIRE(simdjson::validate_utf8(description));
  const auto characters = std::count_if(description.begin(), description.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  });
  CARILLON_FUZZ_REQUIRE(characters <= static_cast<std::ptrdiff_t>(description_chars_max));
}

/// Sequences the event, checks its JSON and sends that again.
void check_event(NewEvent event, const Publisher& publisher) {
  check_limits(*event);
  auto* raw = detail::EventAccess::take(event);
  detail::EventAccess::sequence(*raw, 1, now());
  const auto sequenced = EventRef::adopt(raw);
  CARILLON_FUZZ_REQUIRE(check_json(sequenced->json()).empty());
  CARILLON_FUZZ_REQUIRE(minify_json(sequenced->json()) == sequenced->json());

  const auto again = parser().parse(sequenced->json(), {.user = publisher.user, .service = true});
  CARILLON_FUZZ_REQUIRE(static_cast<bool>(again));
  compare(*sequenced, *again.event);
}

void parse_as(const Publisher& publisher, std::string_view json) {
  auto result = parser().parse(json, publisher);
  if (result) return check_event(std::move(result.event), publisher);
  CARILLON_FUZZ_REQUIRE(!result.event);
  CARILLON_FUZZ_REQUIRE(!result.error.empty());
  CARILLON_FUZZ_REQUIRE(simdjson::validate_utf8(result.error));
  CARILLON_FUZZ_REQUIRE(result.fault != ParseFault::forbidden || !publisher.service);
  CARILLON_FUZZ_REQUIRE((result.fault == ParseFault::malformed_json) == !check_json(json).empty());
}

void build_from(std::string_view input) {
  const auto half = input.size() / 2;
  const Publisher publisher{.user = system_id(), .service = true};
  auto built = EventBuilder{pool()}
                   .from_user(publisher.user)
                   .from_system(system_id())
                   .with_category("a")
                   .with_action("b")
                   .with_severity(Severity::debug)
                   .with_description(input.substr(0, half))
                   .with_metadata(input.substr(half))
                   .build();
  CARILLON_FUZZ_REQUIRE(built || !built.faults().empty());
  if (!built) return;
  CARILLON_FUZZ_REQUIRE((*built)->description() == input.substr(0, half));
  check_event(std::move(*built), publisher);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  static const auto user = *parse_uuid("11111111-1111-1111-1111-111111111111");
  compare_with_simdjson(input);
  parse_as({.user = user}, input);
  parse_as({.user = user, .service = true}, input);
  build_from(input);
  return 0;
}
