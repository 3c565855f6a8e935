#pragma once

#include "carillon/engine/ids.hpp"
#include "net/src/request.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::net {

/// What a request asks for, whatever its path is called.
enum class Endpoint : std::uint8_t {
  none,
  publish,
  publish_batch,
  list,
  aggregate,
  kinds,
  get,
  set_status,
  set_status_bulk,
  remove,
  remove_bulk,
  subscribe,
  config_get,
  config_set,
  backup,
  alive,
  ready,
  metrics,
};

/// The two families of paths: Meshery's published schema, and what Meshery's
/// server mounts and its UI calls. They differ in the shape of some answers.
enum class Family : std::uint8_t { schema, meshery };

struct Route {
  bool path_known = false;
  Endpoint endpoint = Endpoint::none;  ///< none: not with this method
  Family family = Family::schema;
  engine::EventId id;  ///< of paths with {id}
};

/// HEAD is routed as GET.
[[nodiscard]] Route route(Method method, std::string_view path) noexcept;

/// The methods of a known path, for an Allow header.
[[nodiscard]] std::string allowed_methods(std::string_view path);

}  // namespace carillon::net
