#include "persistence/src/postgres_url.hpp"

#include <libpq-fe.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <memory>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::Result;

constexpr std::array<std::string_view, 2> schemes{"postgresql://", "postgres://"};
constexpr std::string_view hidden = "***";

struct Default {
  const char* option;
  std::string value;
  const char* variable;  // of the environment, stronger than the default
};

/// So that a dead network is an error within half a minute, and so that of
/// several hosts the one that takes writes is chosen.
std::vector<Default> our_defaults() {
  std::array<char, HOST_NAME_MAX + 1> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  const auto name =
      "carillon pid " + std::to_string(::getpid()) + " on " + std::string{host.data()};
  return {{.option = "application_name", .value = name, .variable = "PGAPPNAME"},
          {.option = "connect_timeout", .value = "5", .variable = "PGCONNECT_TIMEOUT"},
          {.option = "keepalives_idle", .value = "10", .variable = nullptr},
          {.option = "keepalives_interval", .value = "5", .variable = nullptr},
          {.option = "keepalives_count", .value = "3", .variable = nullptr},
          {.option = "tcp_user_timeout", .value = "25000", .variable = nullptr},
          {.option = "target_session_attrs",
           .value = "read-write",
           .variable = "PGTARGETSESSIONATTRS"}};
}

bool is_set(const char* variable) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody writes the environment
  return variable != nullptr && std::getenv(variable) != nullptr;
}

/// Hides the value of each parameter whose name ends in "password".
std::string hide_parameters(std::string_view query) {
  std::string shown;
  while (!query.empty()) {
    const auto parameter = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(parameter.size() + 1, query.size()));
    const auto equals = parameter.find('=');
    if (!shown.empty()) shown += '&';
    shown += parameter.substr(0, equals);
    if (equals == std::string_view::npos) continue;
    const bool secret = parameter.substr(0, equals).ends_with("password");
    shown += '=';
    shown += secret ? hidden : parameter.substr(equals + 1);
  }
  return shown;
}

}  // namespace

bool is_postgres_url(std::string_view url) noexcept {
  for (const auto scheme : schemes)
    if (url.starts_with(scheme)) return true;
  return false;
}

std::string without_passwords(std::string_view url) {
  if (!is_postgres_url(url)) return std::string{url};
  const auto authority_at = url.find("//") + 2;
  std::string shown{url.substr(0, authority_at)};
  auto rest = url.substr(authority_at);
  // A password that should have been percent-encoded may hold any of / ? # @, so
  // all that may still be one is hidden.
  const auto at = rest.rfind('@');
  if (at != std::string_view::npos) {
    shown += rest.substr(0, std::min(rest.find(':'), at));
    if (rest.find(':') < at) {
      shown += ':';
      shown += hidden;
    }
    rest.remove_prefix(at);
  }
  const auto query = rest.find('?');
  shown += rest.substr(0, query);
  if (query == std::string_view::npos) return shown;
  shown += '?';
  return shown + hide_parameters(rest.substr(query + 1));
}

Result<PostgresTarget> parse_postgres_url(const std::string& url) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed{
      PQconninfoParse(url.c_str(), nullptr), &PQconninfoFree};
  // libpq's own message quotes the part that it can't read: maybe the password.
  if (!parsed)
    return Error{Errc::invalid_argument,
                 "The store's URL is not one of PostgreSQL: "
                 "postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=…, special characters "
                 "percent-encoded (a socket's directory as ?host=%2Frun%2Fpostgresql), and only "
                 "parameters that libpq knows"};
  PostgresTarget target;
  target.shown = without_passwords(url);
  const auto defaults = our_defaults();
  for (const auto* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) {
      target.options.emplace_back(option->keyword, option->val);
      continue;
    }
    for (const auto& fallback : defaults)
      if (std::string_view{option->keyword} == fallback.option && !is_set(fallback.variable))
        target.options.emplace_back(fallback.option, fallback.value);
  }
  return target;
}

}  // namespace carillon::persistence
