#pragma once

#include "carillon/engine/result.hpp"
#include "persistence/src/postgres_url.hpp"
#include "persistence/src/postgres_values.hpp"

#include <libpq-fe.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace carillon::persistence {

/// One session with PostgreSQL, always in pipeline mode: statements are sent one
/// after the other without waiting, their results are taken later, in order.
///
/// Role      The writer has one, each read under way another.
/// Threads   One thread at a time.
/// Order     Results come in the order of the statements. After a statement
///           failed, those behind it up to the next sync() are not executed.
/// Bound     Memory for what was sent and not yet taken by the server, and for
///           the results not yet taken here.
/// Progress  send() and sync() write what the socket takes and never wait;
///           take() waits for the server, up to its deadline.
/// Lifetime  Nothing.
/// Invariant A connection that is not usable() any more never becomes so again.
class PostgresConnection {
 public:
  using Clock = std::chrono::steady_clock;

  /// Connects and runs `setup`, SQL statements without parameters. unavailable if
  /// the server can't be reached or refuses; the text has its words.
  [[nodiscard]] static engine::Result<std::unique_ptr<PostgresConnection>> open(
      const PostgresTarget& target, const std::string& setup);

  [[nodiscard]] bool usable() const noexcept;

  /// Makes a statement known under a name; its result is taken like any other.
  void prepare(const char* name, const char* sql, const std::vector<Oid>& types);
  void send(const char* sql, const PostgresParameters& parameters = {});
  void send_prepared(const char* name, const PostgresParameters& parameters);
  /// Ends a group of statements, and the implicit transaction around them if
  /// there is no explicit one.
  void sync();

  /// The rows of the next statement. After an error: take no more, call drain().
  [[nodiscard]] engine::Result<PostgresRows> take(Clock::time_point deadline);
  /// The end of the group.
  [[nodiscard]] engine::Result<void> take_sync(Clock::time_point deadline);
  /// Drops the results that were not taken, up to the end of the last group;
  /// false if the connection is gone.
  [[nodiscard]] bool drain(Clock::time_point deadline);

  /// One statement alone: send, sync, take.
  [[nodiscard]] engine::Result<PostgresRows> run(const char* sql,
                                                 const PostgresParameters& parameters = {});
  [[nodiscard]] engine::Result<PostgresRows> run_prepared(const char* name,
                                                          const PostgresParameters& parameters);
  /// Statements without parameters or rows, separated by `;`.
  [[nodiscard]] engine::Result<void> run_script(const std::string& script);

  /// UTF8, …
  [[nodiscard]] std::string parameter(const char* name) const;

  static constexpr Clock::time_point no_deadline = Clock::time_point::max();

 private:
  explicit PostgresConnection(PGconn* connection) noexcept : connection_{connection, &PQfinish} {}

  void sent(int success) noexcept;
  [[nodiscard]] engine::Result<PostgresRows> finish_alone();
  [[nodiscard]] bool wait_for_result(Clock::time_point deadline);
  [[nodiscard]] PGresult* next_result(Clock::time_point deadline);
  [[nodiscard]] engine::Error lost() const;

  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
  int open_groups_ = 0;  // whose end was sent and not taken
  bool broken_ = false;
};

/// What to say of a failed statement.
[[nodiscard]] engine::Error postgres_error(const PGresult* result);

}  // namespace carillon::persistence
