#include "net/src/admission_answer.hpp"
#include "net/src/error_envelope.hpp"
#include "net/src/handlers.hpp"
#include "net/src/list_query.hpp"
#include "net/src/websocket_handshake.hpp"

#include <utility>

namespace carillon::net {
namespace {

bool is_upgrade(const Request& request) {
  return request.method == Method::get && request.http11 &&
         request.header_has_token("Connection", "upgrade") &&
         request.header_has_token("Upgrade", "websocket");
}

/// What resuming and skipping will need is not there yet: said, not ignored. A
/// stream that silently began at `now` would hide a gap.
void check_unsupported(const Exchange& exchange, Faults& faults) {
  const auto refuse = [&](std::string_view field, std::string error) {
    if (!faults.any()) faults.code = code::not_supported;
    faults.add(field, std::move(error));
  };
  if (exchange.query.find("after"))
    refuse("after", "is not supported yet: list after the cursor, then subscribe without it");
  // An EventSource that reconnects sends it by itself, and a refusal would end it
  // for good: its stream begins with a `reset` instead, which says the same.
  if (is_upgrade(exchange.request) && !trim(exchange.request.header("Last-Event-ID")).empty())
    refuse("Last-Event-ID", "is not supported yet: list after it, then subscribe without it");
  if (const auto overflow = exchange.query.find("overflow")) {
    if (*overflow == "drop") {
      refuse("overflow", "drop is not supported yet: close is");
    } else if (*overflow != "close") {
      faults.add("overflow", "must be close");
    }
  }
}

http::request<http::string_body> to_beast(const Request& request) {
  http::request<http::string_body> message;
  message.method(http::verb::get);
  message.target({request.target().data(), request.target().size()});
  message.version(request.http11 ? 11 : 10);
  for (std::size_t i = 0; i < request.header_count(); ++i) {
    const auto name = request.header_name(i);
    const auto value = request.header_value(i);
    message.insert(beast::string_view{name.data(), name.size()},
                   beast::string_view{value.data(), value.size()});
  }
  return message;
}

}  // namespace

Handled handle_subscribe(const Exchange& exchange) {
  Faults faults;
  check_unsupported(exchange, faults);
  auto filter = read_filter(exchange.query, faults);
  if (faults.any()) return faults_response(faults);

  if (exchange.request.method == Method::head) {
    Response response;
    response.content_type = "text/event-stream";
    return response;
  }
  StreamRequest stream;
  stream.kind =
      is_upgrade(exchange.request) ? StreamRequest::Kind::websocket : StreamRequest::Kind::sse;
  stream.request = to_beast(exchange.request);
  // Before anything is switched: the connection stays as good as it was.
  if (stream.kind == StreamRequest::Kind::websocket)
    if (auto refusal = refuse_upgrade(stream.request)) return refusal;
  if (!exchange.connection.pass().open_session(exchange.caller.user))
    return too_many_sessions_response(*exchange.net().admission);
  stream.user = exchange.caller.user;
  stream.filter = std::move(filter);
  stream.service = exchange.caller.service;
  exchange.connection.become_stream(std::move(stream));
  return std::nullopt;
}

}  // namespace carillon::net
