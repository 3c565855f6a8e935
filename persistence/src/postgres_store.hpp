#pragma once

#include "carillon/persistence/open_store.hpp"
#include "carillon/persistence/store.hpp"
#include "persistence/src/postgres_connection.hpp"
#include "persistence/src/postgres_writer.hpp"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace carillon::persistence {

/// Connections that nobody reads with at the moment.
///
/// Role      Inside a PostgresStore.
/// Threads   Any.
/// Order     None.
/// Bound     As many connections as there were reads at once: the reader threads.
/// Progress  take() blocks for a connection that is opened anew. After a failure
///           it refuses at once for a moment, so that reads do not queue up behind
///           a server that does not answer.
/// Lifetime  Outlives every connection taken.
/// Invariant A connection is in the pool, or with one reader.
class PostgresPool {
 public:
  explicit PostgresPool(PostgresTarget target) : target_{std::move(target)} {}

  struct Taken {
    std::unique_ptr<PostgresConnection> connection;
    bool fresh = false;  ///< opened just now: it can't have been lost unnoticed
  };
  [[nodiscard]] engine::Result<Taken> take();
  void give_back(std::unique_ptr<PostgresConnection> connection);
  /// Closes all that are idle: one of them was found dead.
  void clear();
  /// The server is known to answer again: refuses nothing for an earlier failure.
  void forget_failure();

 private:
  using Clock = PostgresConnection::Clock;

  const PostgresTarget target_;
  std::mutex mutex_;  // over everything below
  std::vector<std::unique_ptr<PostgresConnection>> idle_;
  std::optional<engine::Error> failure_;  // of the latest attempt to connect
  Clock::time_point refuse_until_{};
};

/// The schema `carillon` of a PostgreSQL database.
///
/// Role      Store of `postgresql://…`.
/// Threads   As Store.
/// Order     As Store: each read is a transaction REPEATABLE READ.
/// Bound     Memory: a batch, and the rows of a page per reader. Connections: one
///           for writing, one per read under way.
/// Progress  A commit waits for the server without end, a read for half a minute.
///           While the server can't be reached both fail; each commit and read
///           tries again, so nothing has to be restarted.
/// Lifetime  Nothing.
/// Invariant As PostgresWriter.
class PostgresStore final : public Store {
 public:
  [[nodiscard]] static engine::Result<std::unique_ptr<Store>> open(const StoreOptions& options);

  [[nodiscard]] engine::Result<void> commit(std::span<const engine::LogEntry> batch) override;
  [[nodiscard]] engine::Result<RetentionStep> retain(engine::Timestamp now,
                                                     std::chrono::microseconds budget) override;
  void set_retention(const RetentionOptions& options) override;
  [[nodiscard]] engine::Result<engine::EventPage> list(
      const engine::ListQuery& query) const override;
  [[nodiscard]] engine::Result<std::string> get(const engine::UserId& user,
                                                const engine::EventId& id) const override;
  [[nodiscard]] engine::Result<std::optional<std::string>> find_by_id(
      const engine::UserId& owner, const engine::EventId& id) const override;
  [[nodiscard]] engine::Result<engine::Aggregate> aggregate(
      const engine::UserId& user) const override;
  [[nodiscard]] engine::Result<std::vector<engine::Kind>> kinds(
      const engine::UserId& user) const override;

  /// Always refused, with the command that does it.
  [[nodiscard]] engine::Result<void> backup(const std::string& directory) const override;
  [[nodiscard]] engine::LogOrigin origin() const noexcept override { return origin_; }
  [[nodiscard]] StoreIdentity identity() const noexcept override { return identity_; }
  [[nodiscard]] engine::InboxHealth health() const override;
  [[nodiscard]] StoreLoad load() const override;

 private:
  PostgresStore(const PostgresTarget& target, const StoreOptions& options)
      : shown_{target.shown}, writer_{target, options.log, options.retention}, pool_{target} {}

  template <class T, class Read>
  [[nodiscard]] engine::Result<T> read(Read&& read) const;

  // Set when the store is opened, never written again.
  engine::LogOrigin origin_;
  StoreIdentity identity_;

  const std::string shown_;  // the URL without passwords
  PostgresWriter writer_;    // the writer's
  mutable PostgresPool pool_;

  mutable std::mutex health_mutex_;
  engine::InboxHealth health_;
};

}  // namespace carillon::persistence
