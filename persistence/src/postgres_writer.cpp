#include "persistence/src/postgres_writer.hpp"

#include <utility>

namespace carillon::persistence {
namespace {

using engine::Errc;
using engine::Error;
using engine::LogEntry;
using engine::LogField;
using engine::LogLevel;
using engine::Result;

constexpr auto forever = PostgresConnection::no_deadline;

// The server drops the lock of a host that died within half a minute, and lets no
// ALTER TABLE of an operator hold commits for longer. Plans come from the shape of
// the statements, not from statistics of tables that were empty a moment ago. An
// acknowledgement means that the log is on disk, whatever the database's default.
constexpr const char* setup_sql = R"(
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
SET lock_timeout = '10s'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0;
SET idle_session_timeout = 0; SET jit = off;
SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off;
SELECT set_config('synchronous_commit', 'on', false)
 WHERE current_setting('synchronous_commit') IN ('off', 'false', 'no', '0');
)";

constexpr const char* number_commit = "number_commit";
constexpr const char* number_commit_sql =
    "UPDATE carillon.meta SET commits = $1, reserved_until = $2, events = events + $4,"
    " event_bytes = event_bytes + $5 WHERE commits = $1 - 1 AND life = $3";

}  // namespace

Result<void> PostgresWriter::connect() {
  auto opened = PostgresConnection::open(target_, setup_sql);
  if (!opened) return opened.error();
  connection_ = std::move(*opened);
  return {};
}

Result<PostgresMeta> PostgresWriter::open(engine::Sequence& last_broadcast) {
  if (auto connected = connect(); !connected) return connected.error();
  if (auto locked = wait_for_lock(*connection_, target_.shown); !locked) return locked.error();
  if (auto made = make_schema(*connection_, target_.shown, log_); !made) return made.error();
  const auto meta = begin_life(*connection_, target_.shown);
  if (!meta) return meta;
  const auto last = read_last_broadcast(*connection_);
  if (!last) return last.error();
  last_broadcast = *last;
  life_ = meta->life;
  commits_ = meta->commits;
  reserved_until_ = meta->reserved_until;
  retention_.begin(*meta);
  if (auto prepared = prepare(); !prepared) return prepared.error();
  return meta;
}

Result<void> PostgresWriter::prepare() {
  const std::vector<Oid> types(5, static_cast<Oid>(PostgresType::int8));
  connection_->prepare(number_commit, number_commit_sql, types);
  PostgresBatch::prepare(*connection_);
  PostgresRetention::prepare(*connection_);
  connection_->sync();
  constexpr int statements =
      1 + PostgresBatch::prepared_statements + PostgresRetention::prepared_statements;
  for (int i = 0; i < statements; ++i)
    if (const auto done = connection_->take(forever); !done) return done.error();
  return connection_->take_sync(forever);
}

Result<void> PostgresWriter::commit(std::span<const LogEntry> batch) {
  if (ended_) return *ended_;
  if (batch.empty()) return {};
  auto done = try_commit(batch);
  failed_ = !done;
  return done;
}

Result<void> PostgresWriter::try_commit(std::span<const LogEntry> batch) {
  if (!connection_) {
    const auto applied = reconnect();
    if (!applied) return applied.error();
    if (*applied) return {};
  }
  auto done = write(batch);
  if (!connection_->usable()) connection_.reset();
  return done;
}

Result<RetentionStep> PostgresWriter::retain(engine::Timestamp now,
                                             std::chrono::microseconds budget) {
  if (failed_ || ended_) return RetentionStep{};  // a commit comes first
  if (!connection_)
    if (const auto connected = reconnect(); !connected) return connected.error();
  auto step = retention_.slice(*connection_, now, budget);
  if (step) return step;
  // What became of it is open: what the database has is read again.
  roll_back();
  connection_.reset();
  return step;
}

/// True if the commit in doubt turns out to be applied.
Result<bool> PostgresWriter::reconnect() {
  auto applied = try_reconnect();
  if (!applied) connection_.reset();
  return applied;
}

Result<bool> PostgresWriter::try_reconnect() {
  if (auto connected = connect(); !connected) return connected.error();
  if (auto locked = take_lock(*connection_, target_.shown); !locked) return locked.error();
  const auto meta = read_meta(*connection_);
  if (!meta) return meta.error();
  const auto applied = check_same_life(*meta);
  if (!applied) return applied;
  if (auto prepared = prepare(); !prepared) return prepared.error();
  if (*applied) {
    ++commits_;
    reserved_until_ = reserving_;
  }
  in_doubt_ = false;
  retention_.begin(*meta);
  if (log_) {
    const LogField store{.key = "store", .value = target_.shown};
    log_(LogLevel::info, "the store is connected to PostgreSQL again", {&store, 1});
  }
  return applied;
}

/// True if the database has the commit in doubt too.
Result<bool> PostgresWriter::check_same_life(const PostgresMeta& meta) {
  if (meta.life != life_) {
    return end(Errc::locked, "Another server has opened the store " + target_.shown +
                                 " while this one was not connected; only one may write it: stop "
                                 "one of the two, and restart this one to go on with it");
  }
  if (meta.commits == commits_) return false;
  if (in_doubt_ && meta.commits == commits_ + 1) return true;
  // Durable before anything is said: the next life must have another epoch.
  if (auto changed = change_epoch(*connection_, reserved_until_); !changed) return changed.error();
  return end(Errc::corrupt,
             "The store " + target_.shown + " has gone from commit " + std::to_string(commits_) +
                 " to " + std::to_string(meta.commits) +
                 ": events that were acknowledged are lost there (a failover to a replica that "
                 "was behind, or a restored backup). Restart this server to go on with what there "
                 "is, under a new epoch");
}

Result<void> PostgresWriter::write(std::span<const LogEntry> entries) {
  using Ids = PostgresBatch::Ids;
  PostgresBatch batch{*connection_, entries, failed_ ? Ids::checked : Ids::trusted};
  // At half of the block: what was shown but is not committed yet is bounded by
  // the engine's credit to far less than the other half.
  const auto needed = batch.last_sequence() + postgres_reservation_block / 2;
  reserving_ = needed > reserved_until_ ? needed + postgres_reservation_block / 2 : reserved_until_;
  auto written = write_entries(batch);
  if (written) written = finish(batch);
  if (!written) {
    roll_back();
    return written;
  }
  ++commits_;
  reserved_until_ = reserving_;
  retention_.committed(entries, batch);
  return {};
}

Result<void> PostgresWriter::write_entries(PostgresBatch& batch) {
  connection_->send("BEGIN");
  batch.send();
  PostgresParameters numbers;
  numbers.add_int8(to_bigint(commits_ + 1));
  numbers.add_int8(to_bigint(reserving_));
  numbers.add_int8(life_);
  numbers.add_int8(to_bigint(batch.events()));
  numbers.add_int8(to_bigint(batch.bytes()));
  connection_->send_prepared(number_commit, numbers);
  connection_->sync();

  const auto begun = connection_->take(forever);
  if (!begun) return begun.error();
  if (auto taken = batch.take(); !taken) return taken;
  const auto numbered = connection_->take(forever);
  if (!numbered) return numbered.error();
  if (auto ended = connection_->take_sync(forever); !ended) return ended;
  if (numbered->affected() == 1) return {};
  // The lock is the session's, so somebody went round it.
  return end(Errc::locked, "Another session has written carillon.meta of the store " +
                               target_.shown + "; only one server may write it: restart this one");
}

Result<void> PostgresWriter::finish(PostgresBatch& batch) {
  if (auto corrected = batch.correct(); !corrected) return corrected;
  connection_->send("COMMIT");
  in_doubt_ = true;
  connection_->sync();
  if (const auto committed = connection_->take(forever); !committed) {
    // A refusal leaves no doubt; a lost connection does.
    if (connection_->drain(forever)) in_doubt_ = false;
    return committed.error();
  }
  in_doubt_ = false;
  // It is committed, even if the connection is lost here: the next call sees that.
  static_cast<void>(connection_->take_sync(forever));
  return {};
}

void PostgresWriter::roll_back() {
  if (connection_->drain(forever)) static_cast<void>(connection_->run("ROLLBACK"));
}

/// Ends what this life may write: only an operator can say what is right now.
Error PostgresWriter::end(Errc code, std::string text) {
  ended_ = Error{code, std::move(text)};
  const LogField reason{.key = "reason", .value = ended_->message};
  if (log_) log_(LogLevel::error, "this server may not write its store any more", {&reason, 1});
  return *ended_;
}

}  // namespace carillon::persistence
