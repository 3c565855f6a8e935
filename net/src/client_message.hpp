#pragma once

#include "carillon/engine/filter.hpp"
#include "net/src/error_envelope.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::net {

/// One text message of a `carillon.v1` client, taken apart.
struct ClientMessage {
  enum class Type : std::uint8_t {
    malformed,  ///< not a JSON object: see `error`
    invalid,    ///< an object, but `type` or `ref` is not usable: see `error`
    unknown,    ///< a type that this version does not know
    ping,
    publish,
    filter,
    token,
  };

  Type type = Type::malformed;
  std::string type_text;     ///< as sent
  std::string ref = "null";  ///< as JSON, to be repeated in the answer
  std::string_view event;    ///< of publish: the JSON in the text; empty if absent
  std::string error;         ///< one sentence
};

/// Takes a message apart. `text` may get more capacity, and must outlive the result.
[[nodiscard]] ClientMessage parse_client_message(std::string& text);

/// The filter that a message sets, unless there are faults.
struct FilterMessage {
  engine::Filter filter;
  Faults faults;
};

/// Reads a message of type `filter`, which parse_client_message accepted: the
/// fields of the list's query in JSON, each one string or an array of strings. An
/// unknown member is a fault, because leaving it out would let more through than
/// was asked for.
[[nodiscard]] FilterMessage parse_filter_message(std::string& text);

/// The member `sequence` of an event's JSON, 0 if there is none.
[[nodiscard]] std::uint64_t sequence_in_event(std::string json);

}  // namespace carillon::net
