#include "persistence/src/postgres_connection.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::Result;

constexpr int binary = 1;

/// libpq's messages end in line feeds and may have several lines.
std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c != '\n') {
      line += c;
    } else if (!line.empty() && !line.ends_with("; ")) {
      line += "; ";
    }
  }
  if (line.ends_with("; ")) line.resize(line.size() - 2);
  return line;
}

int milliseconds_until(PostgresConnection::Clock::time_point deadline) {
  using std::chrono::milliseconds;
  if (deadline == PostgresConnection::no_deadline) return -1;
  const auto left = std::chrono::ceil<milliseconds>(deadline - PostgresConnection::Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

/// What its operator can do about a database that lacks tables or columns of ours, has them
/// without the others, or has damaged pages.
std::string_view advice_for(std::string_view state) {
  constexpr std::array<std::string_view, 5> of_damage{"42P01", "42703", "42P07", "XX001", "XX002"};
  if (std::ranges::find(of_damage, state) == of_damage.end()) return {};
  return ". The schema carillon is damaged: restore a backup, or DROP SCHEMA carillon CASCADE to "
         "begin an empty store; nothing was repaired";
}

}  // namespace

Error postgres_error(const PGresult* result) {
  std::string text = "PostgreSQL refused a statement: ";
  const char* message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  text += message != nullptr ? one_line(message) : one_line(PQresultErrorMessage(result));
  if (const char* detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL); detail != nullptr)
    text += " (" + one_line(detail) + ")";
  if (const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE); state != nullptr)
    text.append(" [SQLSTATE ").append(state).append("]").append(advice_for(state));
  return {Errc::unavailable, text};
}

Result<std::unique_ptr<PostgresConnection>> PostgresConnection::open(const PostgresTarget& target,
                                                                     const std::string& setup) {
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : target.options) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back("client_encoding");
  values.push_back("UTF8");
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  std::unique_ptr<PostgresConnection> connection{
      new PostgresConnection{PQconnectdbParams(keywords.data(), values.data(), 0)}};
  auto* const raw = connection->connection_.get();
  if (PQstatus(raw) != CONNECTION_OK)
    return Error{Errc::unavailable, "Can't connect to PostgreSQL at " + target.shown + ": " +
                                        one_line(PQerrorMessage(raw))};
  // The server's notices would go to standard error.
  PQsetNoticeProcessor(
      raw, [](void*, const char*) {}, nullptr);
  if (auto set_up = connection->run_script(setup); !set_up) return set_up.error();
  if (PQsetnonblocking(raw, 1) != 0 || PQenterPipelineMode(raw) != 1) return connection->lost();
  return connection;
}

bool PostgresConnection::usable() const noexcept {
  return !broken_ && PQstatus(connection_.get()) == CONNECTION_OK;
}

std::string PostgresConnection::parameter(const char* name) const {
  const char* value = PQparameterStatus(connection_.get(), name);
  return value != nullptr ? value : "";
}

Error PostgresConnection::lost() const {
  const auto reason = one_line(PQerrorMessage(connection_.get()));
  return {Errc::unavailable,
          "The connection to PostgreSQL is lost: " + (reason.empty() ? "no answer" : reason)};
}

// A failed send breaks the connection: what was to be sent can't be told from
// what was. The error shows when the results are taken.
void PostgresConnection::sent(int success) noexcept {
  if (success != 1 || PQflush(connection_.get()) < 0) broken_ = true;
}

void PostgresConnection::prepare(const char* name, const char* sql, const std::vector<Oid>& types) {
  sent(PQsendPrepare(connection_.get(), name, sql, static_cast<int>(types.size()), types.data()));
}

void PostgresConnection::send(const char* sql, const PostgresParameters& parameters) {
  const auto pointers = parameters.pointers();
  const auto lengths = parameters.lengths();
  const std::vector<int> formats(pointers.size(), binary);
  sent(PQsendQueryParams(connection_.get(), sql, parameters.count(), parameters.types().data(),
                         pointers.data(), lengths.data(), formats.data(), binary));
}

void PostgresConnection::send_prepared(const char* name, const PostgresParameters& parameters) {
  const auto pointers = parameters.pointers();
  const auto lengths = parameters.lengths();
  const std::vector<int> formats(pointers.size(), binary);
  sent(PQsendQueryPrepared(connection_.get(), name, parameters.count(), pointers.data(),
                           lengths.data(), formats.data(), binary));
}

void PostgresConnection::sync() {
  ++open_groups_;
  sent(PQpipelineSync(connection_.get()));
}

// Reads while it still has to write: a server that waits until its own results
// are read would otherwise never read on.
bool PostgresConnection::wait_for_result(Clock::time_point deadline) {
  auto* const raw = connection_.get();
  for (;;) {
    const int unsent = PQflush(raw);
    if (unsent < 0) return false;
    if (PQisBusy(raw) == 0) return true;
    pollfd socket{.fd = PQsocket(raw),
                  .events = static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN),
                  .revents = 0};
    const int ready = ::poll(&socket, 1, milliseconds_until(deadline));
    if (ready == 0) return false;
    if (ready < 0 && errno != EINTR) return false;
    if ((socket.revents & ~POLLOUT) != 0 && PQconsumeInput(raw) != 1) return false;
  }
}

/// Null if the connection is gone.
PGresult* PostgresConnection::next_result(Clock::time_point deadline) {
  // Each statement's results end in a null, which only parts them.
  constexpr int nulls_max = 2;
  for (int nulls = 0; usable() && nulls < nulls_max;) {
    if (!wait_for_result(deadline)) break;
    if (auto* result = PQgetResult(connection_.get()); result != nullptr) return result;
    ++nulls;
  }
  broken_ = true;
  return nullptr;
}

Result<PostgresRows> PostgresConnection::take(Clock::time_point deadline) {
  auto* const result = next_result(deadline);
  if (result == nullptr) return lost();
  PostgresRows rows{result};
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
      return rows;
    case PGRES_PIPELINE_SYNC:
    case PGRES_PIPELINE_ABORTED:
      broken_ = true;  // drain() was forgotten
      return lost();
    default:
      return usable() ? postgres_error(result) : lost();
  }
}

Result<void> PostgresConnection::take_sync(Clock::time_point deadline) {
  auto* const result = next_result(deadline);
  if (result == nullptr) return lost();
  const PostgresRows rows{result};
  if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
    broken_ = true;
    return postgres_error(result);
  }
  --open_groups_;
  return {};
}

bool PostgresConnection::drain(Clock::time_point deadline) {
  while (open_groups_ > 0) {
    auto* const result = next_result(deadline);
    if (result == nullptr) return false;
    const PostgresRows rows{result};
    if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) --open_groups_;
  }
  return usable();
}

Result<PostgresRows> PostgresConnection::run(const char* sql,
                                             const PostgresParameters& parameters) {
  send(sql, parameters);
  return finish_alone();
}

Result<PostgresRows> PostgresConnection::run_prepared(const char* name,
                                                      const PostgresParameters& parameters) {
  send_prepared(name, parameters);
  return finish_alone();
}

Result<PostgresRows> PostgresConnection::finish_alone() {
  sync();
  auto rows = take(no_deadline);
  if (!rows) {
    static_cast<void>(drain(no_deadline));
    return rows;
  }
  if (auto ended = take_sync(no_deadline); !ended) return ended.error();
  return rows;
}

Result<void> PostgresConnection::run_script(const std::string& script) {
  auto* const raw = connection_.get();
  const bool pipelined = PQpipelineStatus(raw) != PQ_PIPELINE_OFF;
  // A script of several statements needs the simple protocol, and that a socket
  // which is waited for.
  if (pipelined && (PQexitPipelineMode(raw) != 1 || PQsetnonblocking(raw, 0) != 0)) return lost();
  auto* const result = PQexec(raw, script.c_str());
  const PostgresRows rows{result};
  Result<void> outcome;
  const auto status = PQresultStatus(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
    outcome = usable() ? postgres_error(result) : lost();
  if (pipelined && (PQsetnonblocking(raw, 1) != 0 || PQenterPipelineMode(raw) != 1)) {
    broken_ = true;
    if (outcome) return lost();
  }
  return outcome;
}

}  // namespace carillon::persistence
