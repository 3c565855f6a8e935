#pragma once

#include "carillon/persistence/verify_store.hpp"
#include "tests/persistence/shared_postgres.hpp"
#include "tests/persistence/store_fixture.hpp"

#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace carillon::testing {

/// A store in PostgreSQL, and what a test does to the server behind it.
class PostgresTest : public StoreTest {
 protected:
  void SetUp() override { open(fresh_store(StoreKind::postgresql, dir_)); }
  void TearDown() override {
    store_.reset();
    sql("ALTER SYSTEM RESET ALL");
    sql("SELECT pg_reload_conf()");
  }

  std::string sql(const std::string& text) const {
    return PostgresServer::execute_at(options_.url, text);
  }
  /// Ends our sessions with this database, as a failing network does.
  void cut_connections() {
    sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()");
    wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()");
  }
  void wait_until(const std::string& condition) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (sql(condition) != "t") {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << condition;
      std::this_thread::sleep_for(std::chrono::milliseconds{2});  // PostgreSQL tells nobody
    }
  }
  /// Tries until it succeeds, as the write-behind does.
  void commit_at_last(const std::vector<engine::LogEntry>& batch) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    for (;;) {
      const auto done = store_->commit(batch);
      if (done) return;
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << done.error().text();
    }
  }
  /// What verify_store() finds.
  std::vector<std::string> faults() {
    std::vector<std::string> faults;
    const auto found =
        persistence::verify_store(options_.url, [&](const persistence::StoreFault& fault) {
          faults.push_back(fault.where + " " + fault.what);
        });
    EXPECT_TRUE(found) << found.error().text();
    return faults;
  }
  engine::Error error_of_opening(const std::string& url) {
    const auto opened = persistence::open_store({.url = url});
    return opened ? engine::Error{std::error_code{}, "opened"} : opened.error();
  }
};

}  // namespace carillon::testing
