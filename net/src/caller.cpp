#include "net/src/caller.hpp"

#include "net/src/error_envelope.hpp"

namespace carillon::net {

CallerResult resolve_caller(const ServerOptions& options,
                            const Request& request,
                            const QueryString& query) {
  CallerResult result;
  result.caller = {options.local_user, true};
  Faults faults;
  faults.code = code::invalid_query;
  const auto in_query = query.find("user");
  const auto in_header = trim(request.header("X-User-Id"));
  std::optional<engine::Uuid> from_query;
  std::optional<engine::Uuid> from_header;
  // Which of two is meant nobody can know, and a proxy in front may see the other one.
  if (query.count("user") > 1) faults.add("user", "is given more than once");
  if (request.count_headers("X-User-Id") > 1) faults.add("X-User-Id", "is given more than once");
  if (in_query) {
    from_query = engine::parse_uuid(*in_query);
    if (!from_query) faults.add("user", "must be a user's UUID");
  }
  if (!in_header.empty()) {
    from_header = engine::parse_uuid(in_header);
    if (!from_header) faults.add("X-User-Id", "must be a user's UUID");
  }
  if (from_query && from_header && *from_query != *from_header)
    faults.add("user", "names another user than the header X-User-Id");
  if (faults.any()) result.refusal = faults_response(faults);
  if (from_header) result.caller.user = *from_header;
  if (from_query) result.caller.user = *from_query;
  return result;
}

}  // namespace carillon::net
