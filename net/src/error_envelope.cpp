#include "net/src/error_envelope.hpp"

namespace carillon::net {

Response error_response(unsigned status,
                        std::string_view code,
                        std::string_view message,
                        const std::vector<engine::Fault>& details,
                        std::chrono::seconds retry_after) {
  Response response;
  response.status = status;
  response.content_type = error_type;
  response.headers = "X-Content-Type-Options: nosniff\r\n";
  if ((status == 503 || status == 429) && retry_after.count() > 0)
    response.headers += "Retry-After: " + std::to_string(retry_after.count()) + "\r\n";

  auto& body = response.body;
  body = R"({"error":)";
  engine::append_json_string(body, message);
  body += R"(,"code":")";
  body += code;
  body += R"(","details":[)";
  for (const auto& fault : details) {
    if (&fault != &details.front()) body += ',';
    body += R"({"field":)";
    engine::append_json_string(body, fault.field);
    body += R"(,"error":)";
    engine::append_json_string(body, fault.error);
    body += '}';
  }
  body += "]}";
  return response;
}

Response faults_response(const Faults& faults) {
  std::string message;
  if (faults.details.size() == 1) {
    const auto& fault = faults.details.front();
    message = fault.field + " " + fault.error + ".";
  } else {
    message = "Several values are invalid, see details:";
    for (const auto& fault : faults.details) {
      message += &fault == &faults.details.front() ? " " : ", ";
      message += fault.field;
    }
    message += '.';
  }
  return error_response(400, faults.code, message, faults.details);
}

Response parse_fault_response(const engine::ParseResult& parsed) {
  switch (parsed.fault) {
    case engine::ParseFault::forbidden:
      return error_response(403, code::forbidden, parsed.error, parsed.details);
    case engine::ParseFault::invalid_event:
      return error_response(400, code::invalid_event, parsed.error, parsed.details);
    default:
      return error_response(400, code::malformed_json, parsed.error, parsed.details);
  }
}

Response not_durable_response() {
  return error_response(503, code::unavailable,
                        "This could not be made durable: nothing was kept, try again.");
}

Response store_error_response(const engine::Error& error) {
  if (error.code == engine::make_error_code(engine::Errc::not_found))
    return error_response(404, code::not_found, "There is no such event in your inbox.");
  if (error.code == engine::make_error_code(engine::Errc::invalid_argument))
    return error_response(400, code::invalid_query, error.text());
  if (error.code == engine::make_error_code(engine::Errc::history_gone))
    return error_response(400, code::history_gone,
                          "The events behind this cursor are not all kept any more: list again "
                          "from the beginning.");
  if (error.code == engine::make_error_code(engine::Errc::corrupt))
    return error_response(
        503, code::store_damaged,
        "The store is damaged where it keeps the answer; it will not come back by "
        "itself. Its operator must restore a backup. " +
            error.text() + ".",
        {}, std::chrono::seconds{0});
  return error_response(503, code::unavailable,
                        "The store can't answer now: " + error.text() + ". Try again.");
}

}  // namespace carillon::net
