#pragma once

#include "net/src/caller.hpp"
#include "net/src/http_connection.hpp"
#include "net/src/query_string.hpp"
#include "net/src/request.hpp"
#include "net/src/response.hpp"
#include "net/src/router.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace carillon::net {

/// What can be said from the header alone: unknown route, wrong method, nothing
/// acceptable, wrong content type, draining. Nothing if the request may go on.
[[nodiscard]] std::optional<Response> check_header(const Request& request,
                                                   const Route& route,
                                                   bool draining);

/// A batch whose lines are to be read as a stream; of a request without an early answer.
[[nodiscard]] bool is_line_stream(const Request& request, const Route& route);

[[nodiscard]] std::size_t body_bytes_max(const Route& route, const ServerOptions& options);
[[nodiscard]] Response body_too_large(const Route& route, const ServerOptions& options);

/// Handles one whole request, on the shard's thread. Without a value the answer
/// follows: by an Ack of the engine, or by a Reply.
[[nodiscard]] std::optional<Response> handle_request(HttpConnection& connection,
                                                     const Request& request,
                                                     const Route& route,
                                                     std::uint32_t slot);

/// One request on its way to its handler. Borrowed for the call.
struct Exchange {
  HttpConnection& connection;
  const Request& request;
  const Route& route;
  std::uint32_t slot = 0;
  Caller caller;
  const QueryString& query;

  [[nodiscard]] NetContext& net() const noexcept { return connection.shard().net(); }
};

/// Gives the answer later and from any thread, if the connection is still there.
using Reply = std::function<void(Response)>;
[[nodiscard]] Reply make_reply(const Exchange& exchange);

// One per endpoint; each as handle_request.
using Handled = std::optional<Response>;
[[nodiscard]] Handled handle_publish(const Exchange& exchange);
[[nodiscard]] Handled handle_publish_batch(const Exchange& exchange);
[[nodiscard]] Handled handle_list(const Exchange& exchange);
[[nodiscard]] Handled handle_aggregate(const Exchange& exchange);
[[nodiscard]] Handled handle_kinds(const Exchange& exchange);
[[nodiscard]] Handled handle_get(const Exchange& exchange);
[[nodiscard]] Handled handle_change_one(const Exchange& exchange);
[[nodiscard]] Handled handle_change_bulk(const Exchange& exchange);
[[nodiscard]] Handled handle_subscribe(const Exchange& exchange);
[[nodiscard]] Handled handle_config_get(const Exchange& exchange);
[[nodiscard]] Handled handle_config_set(const Exchange& exchange);
[[nodiscard]] Handled handle_backup(const Exchange& exchange);
[[nodiscard]] Handled handle_alive(const Exchange& exchange);
[[nodiscard]] Handled handle_ready(const Exchange& exchange);
[[nodiscard]] Handled handle_metrics(const Exchange& exchange);

/// The answer to a query that can't be decoded.
[[nodiscard]] Response broken_query_response();
/// The answer to an engine that did not take a publish or a change.
[[nodiscard]] Response refused_response(engine::PublishStatus status);

}  // namespace carillon::net
