#include "net/src/router.hpp"

#include <array>
#include <optional>

namespace carillon::net {
namespace {

/// One path with its methods. A `{}` stands for an event id; a fixed path is
/// listed before one with an id, so that it is not taken for an id.
struct Path {
  std::string_view pattern;
  Family family;
  Endpoint get = Endpoint::none;
  Endpoint post = Endpoint::none;
  Endpoint put = Endpoint::none;
  Endpoint remove = Endpoint::none;
};

constexpr std::array paths{
    Path{.pattern = "/api/events",
         .family = Family::schema,
         .get = Endpoint::aggregate,
         .post = Endpoint::publish,
         .remove = Endpoint::remove_bulk},
    Path{.pattern = "/api/events/batch", .family = Family::schema, .post = Endpoint::publish_batch},
    Path{.pattern = "/api/events/list", .family = Family::schema, .get = Endpoint::list},
    Path{.pattern = "/api/events/types", .family = Family::schema, .get = Endpoint::kinds},
    Path{.pattern = "/api/events/status",
         .family = Family::schema,
         .put = Endpoint::set_status_bulk},
    Path{.pattern = "/api/events/delete", .family = Family::schema, .post = Endpoint::remove_bulk},
    Path{.pattern = "/api/events/subscribe", .family = Family::schema, .get = Endpoint::subscribe},
    Path{.pattern = "/api/events/{}",
         .family = Family::schema,
         .get = Endpoint::get,
         .remove = Endpoint::remove},
    Path{.pattern = "/api/events/{}/status", .family = Family::schema, .put = Endpoint::set_status},
    Path{.pattern = "/api/system/events",
         .family = Family::meshery,
         .get = Endpoint::list,
         .post = Endpoint::publish},
    Path{.pattern = "/api/system/events/batch",
         .family = Family::meshery,
         .post = Endpoint::publish_batch},
    Path{.pattern = "/api/system/events/types", .family = Family::meshery, .get = Endpoint::kinds},
    Path{.pattern = "/api/system/events/config",
         .family = Family::meshery,
         .get = Endpoint::config_get,
         .put = Endpoint::config_set},
    Path{.pattern = "/api/system/events/subscribe",
         .family = Family::meshery,
         .get = Endpoint::subscribe},
    Path{.pattern = "/api/system/events/bulk",
         .family = Family::meshery,
         .remove = Endpoint::remove_bulk},
    Path{.pattern = "/api/system/events/status/bulk",
         .family = Family::meshery,
         .put = Endpoint::set_status_bulk},
    Path{.pattern = "/api/system/events/status/{}",
         .family = Family::meshery,
         .put = Endpoint::set_status},
    Path{.pattern = "/api/system/events/{}",
         .family = Family::meshery,
         .get = Endpoint::get,
         .remove = Endpoint::remove},
    Path{.pattern = "/api/admin/backup", .family = Family::schema, .post = Endpoint::backup},
    Path{.pattern = "/healthz", .family = Family::schema, .get = Endpoint::alive},
    Path{.pattern = "/readyz", .family = Family::schema, .get = Endpoint::ready},
    Path{.pattern = "/metrics", .family = Family::schema, .get = Endpoint::metrics},
};

/// Whether `path` has the pattern's form; the id that it holds, or a nil one.
std::optional<engine::EventId> match(std::string_view pattern, std::string_view path) noexcept {
  const auto hole = pattern.find("{}");
  if (hole == std::string_view::npos)
    return path == pattern ? std::optional{engine::EventId{}} : std::nullopt;
  const auto before = pattern.substr(0, hole);
  const auto after = pattern.substr(hole + 2);
  if (path.size() != before.size() + engine::uuid_text_bytes + after.size()) return std::nullopt;
  if (!path.starts_with(before) || !path.ends_with(after)) return std::nullopt;
  return engine::parse_uuid(path.substr(hole, engine::uuid_text_bytes));
}

Endpoint endpoint_of(const Path& path, Method method) noexcept {
  switch (method) {
    case Method::get:
    case Method::head:
      return path.get;
    case Method::post:
      return path.post;
    case Method::put:
      return path.put;
    case Method::remove:
      return path.remove;
    default:
      return Endpoint::none;
  }
}

}  // namespace

Route route(Method method, std::string_view path) noexcept {
  for (const auto& known : paths) {
    if (const auto id = match(known.pattern, path))
      return {true, endpoint_of(known, method), known.family, *id};
  }
  return {};
}

std::string allowed_methods(std::string_view path) {
  std::string methods;
  const auto add = [&](Endpoint endpoint, std::string_view name) {
    if (endpoint == Endpoint::none) return;
    if (!methods.empty()) methods += ", ";
    methods += name;
  };
  for (const auto& known : paths) {
    if (!match(known.pattern, path)) continue;
    add(known.get, "GET, HEAD");
    add(known.post, "POST");
    add(known.put, "PUT");
    add(known.remove, "DELETE");
    break;
  }
  return methods;
}

}  // namespace carillon::net
