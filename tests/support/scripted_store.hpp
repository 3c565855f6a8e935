#pragma once

#include "carillon/engine/event_log.hpp"
#include "carillon/engine/inbox.hpp"
#include "carillon/engine/result.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace carillon::testing {

/// A store in memory with its own thread, as small as a store can be, that can
/// be told to hold commits back, to fail reads and to be unwell.
///
/// It keeps what the front end shows, not what a real store must care about:
/// every list is a scan.
class ScriptedStore final : public engine::EventLog, public engine::Inbox {
 public:
  static constexpr engine::Epoch epoch = 0xC0FFEE;

  ScriptedStore();
  ~ScriptedStore() override;

  /// Runs what is queued, then ends the thread.
  void stop();

  // The script.
  void hold_commits();
  void release_commits();
  void hold_reads();
  void release_reads();
  void fail_reads(std::optional<engine::Errc> error);
  void set_health(engine::InboxHealth health);
  /// Waits until that many events and changes wait for their commit.
  bool wait_for_held(std::size_t entries);
  /// Waits until that many reads wait.
  bool wait_for_reads(std::size_t reads);

  // EventLog.
  [[nodiscard]] engine::LogOrigin origin() const noexcept override;
  void attach(engine::LogObserver& observer) noexcept override;
  void append(engine::ShardIndex, std::span<engine::LogEntry> batch) noexcept override;
  void find(const engine::UserId& owner, const engine::EventId& id, FindDone done) override;

  // Inbox.
  void list(engine::ListQuery query, Done<engine::EventPage> done) override;
  void get(const engine::UserId& user, const engine::EventId& id, Done<std::string> done) override;
  void aggregate(const engine::UserId& user, Done<engine::Aggregate> done) override;
  void kinds(const engine::UserId& user, Done<std::vector<engine::Kind>> done) override;
  [[nodiscard]] engine::InboxHealth health() const override;

  /// The query of the latest list; read it after its answer came.
  engine::ListQuery last_list;

 private:
  struct Record;
  using Read = std::function<void(std::optional<engine::Errc>)>;

  void read(Read task);

  void run();

  void commit(std::vector<engine::LogEntry>& batch);

  void keep(const engine::Event& event);

  void apply(engine::Change& change);

  [[nodiscard]] static engine::EventState state_of(const Record& record,
                                                   const engine::UserId& user);
  [[nodiscard]] static bool is_deleted(const Record& record, const engine::UserId& user);
  [[nodiscard]] static std::string json_of(const Record& record, const engine::UserId& user);
  [[nodiscard]] std::vector<Record*> inbox_of(const engine::UserId& user) const;
  [[nodiscard]] const Record* find_record(const engine::UserId& user,
                                          const engine::EventId& id) const;

  [[nodiscard]] engine::EventPage page_of(const engine::ListQuery& query) const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<engine::LogEntry> appended_;
  std::deque<Read> reads_;
  std::optional<engine::Errc> read_error_;
  engine::InboxHealth health_;
  bool commits_held_ = false;
  bool reads_held_ = false;
  bool stopping_ = false;

  // The worker's thread.
  std::vector<std::unique_ptr<Record>> records_;
  engine::Sequence last_sequence_ = 0;

  engine::LogObserver* observer_ = nullptr;
  std::thread worker_;  // last: it uses all of the above
};

}  // namespace carillon::testing
