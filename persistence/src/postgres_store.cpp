#include "persistence/src/postgres_store.hpp"

#include "persistence/src/postgres_queries.hpp"

#include <chrono>
#include <exception>
#include <utility>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::EventId;
using engine::LogEntry;
using engine::Result;
using engine::UserId;
using Clock = PostgresConnection::Clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// The server ends a read first; the deadline is for one that does not answer.
constexpr seconds read_time_max{35};
constexpr seconds drain_time_max{1};

// A page walks indexes in their order and stops when it is full. The planner would
// rather sort an inbox that its statistics call small: those of a table that was
// empty a minute ago, or of a user who is not like the others.
constexpr const char* setup_sql = R"(
SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET idle_session_timeout = 0; SET jit = off;
SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off;
SET enable_mergejoin = off; SET enable_sort = off; SET enable_incremental_sort = off;
SET default_transaction_isolation = 'repeatable read'; SET default_transaction_read_only = on;
)";

/// How long reads are refused after a connection could not be opened.
constexpr milliseconds refusal_time{250};

}  // namespace

Result<PostgresPool::Taken> PostgresPool::take() {
  {
    const std::lock_guard lock{mutex_};
    if (!idle_.empty()) {
      Taken taken{.connection = std::move(idle_.back())};
      idle_.pop_back();
      return taken;
    }
    if (failure_ && Clock::now() < refuse_until_) return *failure_;
  }
  auto opened = PostgresConnection::open(target_, setup_sql);
  const std::lock_guard lock{mutex_};
  if (!opened) {
    failure_ = opened.error();
    refuse_until_ = Clock::now() + refusal_time;
    return *failure_;
  }
  failure_.reset();
  return Taken{.connection = std::move(*opened), .fresh = true};
}

void PostgresPool::give_back(std::unique_ptr<PostgresConnection> connection) {
  const std::lock_guard lock{mutex_};
  idle_.push_back(std::move(connection));
}

void PostgresPool::clear() {
  const std::lock_guard lock{mutex_};
  idle_.clear();
}

void PostgresPool::forget_failure() {
  const std::lock_guard lock{mutex_};
  failure_.reset();
}

Result<std::unique_ptr<Store>> PostgresStore::open(const StoreOptions& options) {
  const auto target = parse_postgres_url(options.url);
  if (!target) return target.error();
  std::unique_ptr<PostgresStore> store{new PostgresStore{*target, options}};
  engine::Sequence last_broadcast = 0;
  const auto meta = store->writer_.open(last_broadcast);
  if (!meta) return meta.error();
  store->identity_ = meta->identity;
  store->origin_ = {.epoch = meta->epoch,
                    .first_sequence = meta->reserved_until - postgres_reservation_block + 1,
                    .last_broadcast = last_broadcast};
  return std::unique_ptr<Store>{std::move(store)};
}

Result<void> PostgresStore::commit(std::span<const LogEntry> batch) {
  Result<void> done;
  try {
    done = writer_.commit(batch);
  } catch (const std::exception& thrown) {
    done = Error{Errc::unavailable, std::string{"While committing: "} + thrown.what()};
  }
  const std::lock_guard lock{health_mutex_};
  // Before health says so: who waits for that may read at once.
  if (done && !health_.writable) pool_.forget_failure();
  health_.writable = static_cast<bool>(done);
  health_.reason = done ? std::string{} : done.error().text();
  return done;
}

Result<RetentionStep> PostgresStore::retain(engine::Timestamp now,
                                            std::chrono::microseconds budget) {
  try {
    return writer_.retain(now, budget);
  } catch (const std::exception& thrown) {
    return Error{Errc::unavailable, std::string{"While removing old events: "} + thrown.what()};
  }
}

void PostgresStore::set_retention(const RetentionOptions& options) {
  writer_.retention().set_options(options);
}

// A connection that lay idle while the server was restarted fails at its first
// use, which says nothing about the server: such a read is tried once more.
template <class T, class Read>
Result<T> PostgresStore::read(Read&& read) const {
  try {
    for (;;) {
      auto taken = pool_.take();
      if (!taken) return taken.error();
      const auto deadline = Clock::now() + read_time_max;
      auto answer = read(*taken->connection, deadline);
      const bool lost = !answer && !taken->connection->drain(Clock::now() + drain_time_max);
      if (!lost) pool_.give_back(std::move(taken->connection));
      if (!lost || taken->fresh || Clock::now() >= deadline) return answer;
      pool_.clear();
    }
  } catch (const std::exception& thrown) {
    return Error{Errc::unavailable, std::string{"While reading: "} + thrown.what()};
  }
}

Result<engine::EventPage> PostgresStore::list(const engine::ListQuery& query) const {
  return read<engine::EventPage>([&](PostgresConnection& connection, auto deadline) {
    return read_page(connection, deadline, origin_.epoch, query);
  });
}

Result<std::string> PostgresStore::get(const UserId& user, const EventId& id) const {
  return read<std::string>([&](PostgresConnection& connection, auto deadline) {
    return read_event(connection, deadline, user, id);
  });
}

Result<std::optional<std::string>> PostgresStore::find_by_id(const UserId& owner,
                                                             const EventId& id) const {
  return read<std::optional<std::string>>([&](PostgresConnection& connection, auto deadline) {
    return read_published(connection, deadline, owner, id);
  });
}

Result<engine::Aggregate> PostgresStore::aggregate(const UserId& user) const {
  return read<engine::Aggregate>([&](PostgresConnection& connection, auto deadline) {
    return read_aggregate(connection, deadline, user);
  });
}

Result<std::vector<engine::Kind>> PostgresStore::kinds(const UserId& user) const {
  return read<std::vector<engine::Kind>>([&](PostgresConnection& connection, auto deadline) {
    return read_kinds(connection, deadline, user);
  });
}

Result<void> PostgresStore::backup(const std::string& /*directory*/) const {
  return Error{Errc::unsupported,
               "The store is in PostgreSQL, which backs it up itself, also while it is served: "
               "pg_dump --format=custom --schema=carillon --file=FILE '" +
                   shown_ + "'"};
}

StoreLoad PostgresStore::load() const {
  StoreLoad load;
  load.retention = writer_.retention().load();
  return load;
}

engine::InboxHealth PostgresStore::health() const {
  const std::lock_guard lock{health_mutex_};
  return health_;
}

}  // namespace carillon::persistence
