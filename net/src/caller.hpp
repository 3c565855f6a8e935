#pragma once

#include "carillon/engine/ids.hpp"
#include "carillon/net/server_options.hpp"
#include "net/src/query_string.hpp"
#include "net/src/request.hpp"
#include "net/src/response.hpp"

#include <optional>

namespace carillon::net {

/// On whose behalf a request acts.
struct Caller {
  engine::UserId user;
  bool service = false;  ///< may publish for, read and subscribe to any user; broadcast
};

struct CallerResult {
  Caller caller;
  std::optional<Response> refusal;  ///< 400, 401 or 403 instead of a caller
};

/// The one place that says who is calling. auth = "none": the local user, or the
/// one that `?user=` or `X-User-Id` names, with service rights.
[[nodiscard]] CallerResult resolve_caller(const ServerOptions& options,
                                          const Request& request,
                                          const QueryString& query);

}  // namespace carillon::net
