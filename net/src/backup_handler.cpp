#include "carillon/engine/event_parser.hpp"
#include "net/src/body_reader.hpp"
#include "net/src/error_envelope.hpp"
#include "net/src/handlers.hpp"

#include <string>
#include <utility>

namespace carillon::net {
namespace {

using engine::Errc;

Response made_response(const std::string& directory, std::uint64_t bytes) {
  Response response;
  response.status = 201;
  response.content_type = json_type;
  response.body = R"({"directory":)";
  engine::append_json_string(response.body, directory);
  response.body += R"(,"bytes":)" + std::to_string(bytes) + "}";
  return response;
}

Response failed_response(const engine::Error& error) {
  const auto is = [&error](Errc code) { return error.code == engine::make_error_code(code); };
  if (is(Errc::locked)) return error_response(409, code::backup_running, error.text());
  if (is(Errc::unsupported)) return error_response(400, code::not_supported, error.text());
  if (is(Errc::invalid_argument)) {
    Faults faults;
    faults.code = code::invalid_body;
    faults.add("directory", error.text());
    return faults_response(faults);
  }
  return error_response(503, code::unavailable, "There is no backup: " + error.text());
}

}  // namespace

Handled handle_backup(const Exchange& exchange) {
  if (!exchange.caller.service)
    return error_response(403, code::forbidden, "Only a caller with service rights makes backups.");
  const auto& make_backup = exchange.net().options.backup;
  if (!make_backup)
    return error_response(400, code::not_supported, "This server has no store to back up.");
  Faults faults;
  auto directory = read_directory(exchange.request.body, faults);
  if (faults.any()) return faults_response(faults);
  make_backup(directory,
              [reply = make_reply(exchange), directory](engine::Result<std::uint64_t> bytes) {
                reply(bytes ? made_response(directory, *bytes) : failed_response(bytes.error()));
              });
  return std::nullopt;
}

}  // namespace carillon::net
