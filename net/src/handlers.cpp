#include "net/src/handlers.hpp"

#include "net/src/error_envelope.hpp"
#include "net/src/media_type.hpp"

#include <utility>

namespace carillon::net {
namespace {

bool takes_json(Endpoint endpoint) noexcept {
  switch (endpoint) {
    case Endpoint::publish:
    case Endpoint::publish_batch:
    case Endpoint::set_status:
    case Endpoint::set_status_bulk:
    case Endpoint::remove_bulk:
    case Endpoint::config_set:
    case Endpoint::backup:
      return true;
    default:
      return false;
  }
}

/// Probes answer whoever asks; the rest is refused while draining.
bool is_probe(Endpoint endpoint) noexcept {
  return endpoint == Endpoint::alive || endpoint == Endpoint::ready ||
         endpoint == Endpoint::metrics;
}

bool has_acceptable_type(const Request& request, const Route& route) {
  const auto accept = request.joined_header("Accept");
  switch (route.endpoint) {
    case Endpoint::alive:
    case Endpoint::ready:
    case Endpoint::remove:
      return true;
    case Endpoint::metrics:
      return accepts(accept, "text/plain");
    case Endpoint::subscribe:
      return request.header_has_token("Upgrade", "websocket") ||
             accepts(accept, "text/event-stream");
    case Endpoint::publish_batch:
      return accepts(accept, json_type) || accepts(accept, ndjson_type);
    case Endpoint::aggregate:
      return accepts(accept, json_type) || accepts(accept, "text/event-stream");
    default:
      return accepts(accept, json_type);
  }
}

/// Meshery's server posts events to its provider without a Content-Type, so that
/// is taken as JSON. A browser can send one without asking us first (no CORS
/// preflight), but then it says where the page came from.
bool has_json_type(const Request& request) {
  if (!request.has_header("Content-Type")) return !request.has_header("Origin");
  return is_json(request.header("Content-Type"));
}

bool has_content_coding(const Request& request) {
  return request.has_header("Content-Encoding") &&
         !equal_ignoring_case(trim(request.joined_header("Content-Encoding")), "identity");
}

Response coding_response(const Request& request) {
  auto response =
      error_response(415, code::unsupported_media_type,
                     "The body has the Content-Encoding `" +
                         request.joined_header("Content-Encoding") + "`; send it without one.");
  response.headers += "Accept-Encoding: identity\r\n";
  return response;
}

Response method_response(Method method, std::string_view path) {
  const auto allowed = allowed_methods(path);
  Response response;
  if (method == Method::options) {
    response.status = 204;
  } else {
    response = error_response(405, code::method_not_allowed,
                              "This path does not have that method; it has " + allowed + ".");
  }
  response.headers += "Allow: " + allowed + "\r\n";
  return response;
}

}  // namespace

std::optional<Response> check_header(const Request& request, const Route& route, bool draining) {
  const auto hosts = request.count_headers("Host");
  if (hosts > 1 || (hosts == 0 && request.http11))
    return error_response(400, code::malformed_request,
                          "An HTTP/1.1 request has exactly one Host header.");
  if (!route.path_known)
    return error_response(404, code::not_found,
                          "There is no such path; under /api/events and /api/system/events an id "
                          "must be a UUID.");
  if (route.endpoint == Endpoint::none) return method_response(request.method, request.path());
  if (draining && !is_probe(route.endpoint))
    return error_response(503, code::draining, "The server is about to stop: try another one.");
  if (!has_acceptable_type(request, route))
    return error_response(406, code::not_acceptable,
                          "The Accept header excludes every form that this path answers in.");
  if (takes_json(route.endpoint) && has_content_coding(request)) return coding_response(request);
  if (takes_json(route.endpoint) && !has_json_type(request) && !is_line_stream(request, route))
    return error_response(415, code::unsupported_media_type,
                          route.endpoint == Endpoint::publish_batch
                              ? "The body must be a JSON array, with Content-Type: "
                                "application/json, or events line by line, with Content-Type: "
                                "application/x-ndjson."
                              : "The body must be JSON, with Content-Type: application/json.");
  return std::nullopt;
}

bool is_line_stream(const Request& request, const Route& route) {
  return route.endpoint == Endpoint::publish_batch && is_ndjson(request.header("Content-Type"));
}

std::size_t body_bytes_max(const Route& route, const ServerOptions& options) {
  return route.endpoint == Endpoint::publish ? options.event_bytes_max : options.body_bytes_max;
}

Response body_too_large(const Route& route, const ServerOptions& options) {
  return error_response(
      413, code::body_too_large,
      "The body exceeds " + std::to_string(body_bytes_max(route, options)) + " bytes.");
}

Response broken_query_response() {
  return error_response(400, code::invalid_query,
                        "The query holds a broken percent escape, or is not UTF-8.");
}

Response refused_response(engine::PublishStatus status) {
  if (status == engine::PublishStatus::full)
    return error_response(503, code::overloaded,
                          "Too much waits to be made durable: nothing was kept, try again.");
  return error_response(503, code::draining, "The server is about to stop: try another one.");
}

Reply make_reply(const Exchange& exchange) {
  return [shard = exchange.connection.shard().weak_from_this(),
          ticket = exchange.connection.ticket(exchange.slot)](Response response) {
    if (const auto alive = shard.lock()) alive->finish(ticket, std::move(response));
  };
}

std::optional<Response> handle_request(HttpConnection& connection,
                                       const Request& request,
                                       const Route& route,
                                       std::uint32_t slot) {
  const auto query = QueryString::parse(request.query());
  if (!query) return broken_query_response();
  auto resolved = resolve_caller(connection.shard().net().options, request, *query);
  if (resolved.refusal) return std::move(resolved.refusal);
  const Exchange exchange{connection, request, route, slot, resolved.caller, *query};
  switch (route.endpoint) {
    case Endpoint::publish:
      return handle_publish(exchange);
    case Endpoint::publish_batch:
      return handle_publish_batch(exchange);
    case Endpoint::list:
      return handle_list(exchange);
    case Endpoint::aggregate:
      return handle_aggregate(exchange);
    case Endpoint::kinds:
      return handle_kinds(exchange);
    case Endpoint::get:
      return handle_get(exchange);
    case Endpoint::set_status:
    case Endpoint::remove:
      return handle_change_one(exchange);
    case Endpoint::set_status_bulk:
    case Endpoint::remove_bulk:
      return handle_change_bulk(exchange);
    case Endpoint::subscribe:
      return handle_subscribe(exchange);
    case Endpoint::config_get:
      return handle_config_get(exchange);
    case Endpoint::config_set:
      return handle_config_set(exchange);
    case Endpoint::backup:
      return handle_backup(exchange);
    case Endpoint::alive:
      return handle_alive(exchange);
    case Endpoint::ready:
      return handle_ready(exchange);
    case Endpoint::metrics:
      return handle_metrics(exchange);
    case Endpoint::none:
      break;
  }
  return error_response(404, code::not_found, "There is no such path.");
}

}  // namespace carillon::net
