#include "persistence/src/postgres_snapshot.hpp"

#include "persistence/src/postgres_schema.hpp"

namespace carillon::persistence {
namespace {

constexpr const char* setup_sql = R"(
SET statement_timeout = 0; SET lock_timeout = '10s'; SET idle_session_timeout = 0;
SET idle_in_transaction_session_timeout = 0; SET jit = off;
SET default_transaction_isolation = 'repeatable read'; SET default_transaction_read_only = on;
)";

}  // namespace

engine::Result<std::unique_ptr<PostgresConnection>> open_postgres_snapshot(const std::string& url) {
  const auto target = parse_postgres_url(url);
  if (!target) return target.error();
  auto opened = PostgresConnection::open(*target, setup_sql);
  if (!opened) return opened.error();
  if (auto begun = (*opened)->run("BEGIN"); !begun) return begun.error();
  if (auto known = check_schema(**opened, target->shown); !known) return known.error();
  return opened;
}

}  // namespace carillon::persistence
