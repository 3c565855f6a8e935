#pragma once

#include "carillon/engine/result.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::persistence {

/// Whether the URL names a PostgreSQL database: `postgresql://` or `postgres://`.
[[nodiscard]] bool is_postgres_url(std::string_view url) noexcept;

/// The URL with `***` in place of passwords, for logs and messages. Any text.
[[nodiscard]] std::string without_passwords(std::string_view url);

/// What to connect to: everything that libpq takes in a URL, and our defaults for
/// what neither the URL nor libpq's environment variables say.
struct PostgresTarget {
  std::vector<std::pair<std::string, std::string>> options;
  std::string shown;  ///< the URL without passwords
};
[[nodiscard]] engine::Result<PostgresTarget> parse_postgres_url(const std::string& url);

}  // namespace carillon::persistence
