// Goal: wherever the machine crashes, what was acknowledged is there, once and as it was
// acknowledged; of what was not, a commit is there whole or not at all; sequences never
// go back and the epoch stays.
// Method: lives of one store after another, each with a random load through WriteBehind on
// a file system that fails or loses its power at a random operation (CrashFileSystem).
// After each restart the store must answer exactly what a naive model of the acknowledged
// entries does, or one of those and the commit that was under way. In two stores of three
// events leave meanwhile, by their number or once they were deleted; after a restart
// retention must come to the same end, whatever of it the crash undid. CARILLON_SEED repeats
// a run as far as RocksDB's threads do; CARILLON_CRASH_POINTS sets how many points.
#include "tests/persistence/crash_machine.hpp"
#include "tests/persistence/store_fixture.hpp"

#include <array>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <random>
#include <set>

namespace carillon::testing {
namespace {

using engine::Change;
using engine::EventId;
using engine::LogEntry;
using engine::Sequence;
using engine::Status;
using std::chrono::milliseconds;
using Operation = CrashFileSystem::Operation;

constexpr std::size_t points_by_default = 400;
constexpr std::size_t lives_of_a_store = 8;
constexpr std::uint8_t users = 3;
constexpr std::size_t entries_of_a_life_max = 160;
constexpr std::uint64_t opening_operations_max = 40;
constexpr std::uint64_t life_operations_max = 80;
constexpr Sequence jump_max = Sequence{1} << 28U;
constexpr std::uint64_t kept_events = 12;
constexpr std::int64_t late_us = 1'000'000'000;  // when all that was deleted is due

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read before any thread is started
  const char* given = std::getenv(variable);
  return given != nullptr ? std::stoull(given) : otherwise;
}

/// What all points of the run came to.
struct Tally {
  std::size_t points = 0;
  std::size_t in_opening = 0;
  std::size_t survived_whole = 0;  // commits under way that were found applied
  std::size_t with_failures = 0;
  std::size_t process_alone = 0;  // not the machine
  std::size_t acknowledged = 0;   // events
  std::size_t lost = 0;
  std::size_t doubled = 0;
  std::array<std::size_t, CrashFileSystem::operation_count> crashed_in{};
};

std::ostream& operator<<(std::ostream& out, const Tally& tally) {
  constexpr std::array<const char*, CrashFileSystem::operation_count> names{
      "between", "create", "append", "truncate", "sync", "sync_directory", "rename", "remove"};
  out << "points " << tally.points << ", events acknowledged " << tally.acknowledged << ", lost "
      << tally.lost << ", doubled " << tally.doubled << "\n  crashed while opening "
      << tally.in_opening << ", after failed operations " << tally.with_failures
      << ", the process alone " << tally.process_alone << ", unacknowledged commit kept whole "
      << tally.survived_whole << "\n  crashed in:";
  for (std::size_t i = 0; i < names.size(); ++i)
    out << ' ' << names[i] << ' ' << tally.crashed_in[i];
  return out;
}

/// One store on one machine, through its lives.
class Lives {
 public:
  Lives(std::uint64_t seed, Tally& tally)
      : random_{seed},
        disk_{std::make_shared<CrashFileSystem>(dir_ / "limbo", seed + 1)},
        env_{disk_},
        tally_{tally} {
    retention_.purge_deleted_after = milliseconds{0};
    if (seed / 2 % 3 == 0) retention_.events_per_user = kept_events;
    if (seed / 2 % 3 == 1) retention_.purge_deleted_after = milliseconds{1};
  }

  /// One life, to its crash and the restart after it.
  void live() {
    ++tally_.points;
    const bool crash_in_opening = chance(25);
    if (crash_in_opening) disk_->begin(some_plan(opening_operations_max));
    open();
    if (store_) {
      // A disk that fails already tells nothing: the next life looks.
      if (settle()) {
        ASSERT_NO_FATAL_FAILURE(check());
        ASSERT_NO_FATAL_FAILURE(work(crash_in_opening));
      }
    }
    end();
  }

  /// A life without a crash, that checks what the last one left.
  void check_at_last() {
    open();
    ASSERT_TRUE(store_) << refusal_;
    ASSERT_TRUE(settle());
    check();
    store_.reset();
  }

 private:
  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>{0, bound - 1}(random_);
  }
  bool chance(std::size_t percent) { return below(100) < percent; }
  engine::UserId some_user() { return numbered(static_cast<std::uint8_t>(1 + below(users))); }
  std::string some_word() { return std::vector<std::string>{"a", "b", "c_d"}[below(3)]; }
  Status some_status() { return chance(60) ? Status::read : Status::unread; }

  CrashFileSystem::Plan some_plan(std::uint64_t operations_max) {
    CrashFileSystem::Plan plan;
    plan.crash_at = 1 + below(operations_max);
    if (chance(40)) {
      plan.fail_from = 1 + below(plan.crash_at);
      plan.fail_count = chance(50) ? 1 : 1 + below(30);
    }
    return plan;
  }

  void open() {
    auto options = small_rocksdb(path_);
    options.retention = retention_;
    auto opened = persistence::RocksStore::open(path_, options, &env_);
    store_.reset();
    if (opened) {
      store_ = std::make_unique<WatchedStore>(std::move(*opened));
      return;
    }
    refusal_ = opened.error().text();
    // Whatever the machine did, it did not damage anything.
    ASSERT_TRUE(disk_->crashed() || disk_->failures() > 0) << refusal_;
    ++tally_.in_opening;
  }

  [[nodiscard]] bool events_leave() const {
    return retention_.events_per_user != 0 || retention_.purge_deleted_after.count() != 0;
  }

  /// Retention to its end; false if the disk does not let it.
  bool settle() {
    for (;;) {
      const auto step = store_->retain(at_us(late_us), std::chrono::microseconds{below(2'000)});
      if (!step || disk_->crashed() || disk_->failures() > 0) return false;
      if (!step->more) return true;
    }
  }

  /// What retention must have left of it.
  [[nodiscard]] InboxModel settled(InboxModel model) const {
    if (retention_.events_per_user != 0) model.keep_latest(retention_.events_per_user);
    if (retention_.purge_deleted_after.count() != 0) model.remove_deleted_until(at_us(late_us));
    return model;
  }

  void check() {
    model_ = settled(std::move(model_));
    const auto origin = store_->origin();
    ASSERT_GT(origin.first_sequence, shown_);
    if (epoch_) {
      ASSERT_EQ(origin.epoch, *epoch_);
    }
    epoch_ = origin.epoch;
    next_ = origin.first_sequence;
    if (const auto difference = compare(model_); !difference.empty()) {
      auto with_tried = model_;
      for (const auto& entry : tried_)
        with_tried.apply(entry);
      with_tried = settled(std::move(with_tried));
      count_faults(with_tried);
      const auto other = compare(with_tried);
      ASSERT_TRUE(!tried_.empty() && other.empty())
          << "Neither what was acknowledged: " << difference
          << "\nnor that and the commit under way (" << tried_.size() << " entries): " << other;
      ++tally_.survived_whole;
      model_ = std::move(with_tried);
    }
    tried_.clear();
  }

  /// The first difference between the store and the model; empty if there is none.
  std::string compare(const InboxModel& model) {
    for (std::uint8_t number = 1; number <= users; ++number) {
      const auto user = numbered(number);
      const engine::ListQuery query{.user = user, .page_size = persistence::page_size_max};
      const auto page = store_->list(query);
      if (!page) return page.error().text();
      const auto expected = model.page(query);
      if (page->events != expected.events)
        return "events: " + std::to_string(page->events.size()) + " instead of " +
               std::to_string(expected.events.size());
      if (page->total_count != expected.total_count || page->read_count != expected.read_count ||
          page->count_by_severity != expected.count_by_severity)
        return "counts of a list: " + std::to_string(page->total_count) + "/" +
               std::to_string(page->read_count) + " instead of " +
               std::to_string(expected.total_count) + "/" + std::to_string(expected.read_count);
      if (page->cursor.position != expected.cursor.position) return "a position";
      const auto sums = store_->aggregate(user);
      const auto expected_sums = model.aggregate(user);
      if (!sums || sums->total != expected_sums.total ||
          sums->by_status != expected_sums.by_status ||
          sums->by_severity != expected_sums.by_severity ||
          sums->by_category != expected_sums.by_category)
        return "an aggregate";
      const auto kinds = store_->kinds(user);
      if (!kinds || *kinds != model.kinds(user)) return "kinds";
    }
    for (const auto& event : model.events()) {
      const auto found = store_->find_by_id(event->owner(), event->id());
      const auto sequence = "\"sequence\":" + std::to_string(event->sequence());
      if (!found || !*found || (*found)->find(sequence) == std::string::npos)
        return "an id that leads nowhere";
    }
    return {};
  }

  /// For the tally: acknowledged events that lead nowhere, and any listed twice. An event
  /// that the commit under way has pushed out is not lost.
  void count_faults(const InboxModel& with_tried) {
    std::set<Sequence> kept;
    for (const auto& event : with_tried.events())
      kept.insert(event->sequence());
    for (const auto& event : model_.events()) {
      if (!kept.contains(event->sequence())) continue;
      const auto found = store_->find_by_id(event->owner(), event->id());
      if (!found || !*found) ++tally_.lost;
    }
    for (std::uint8_t number = 1; number <= users; ++number) {
      const auto page =
          store_->list({.user = numbered(number), .page_size = persistence::page_size_max});
      std::set<std::string> ids;
      for (const auto& json : page ? page->events : std::vector<std::string>{})
        if (!ids.insert(json.substr(0, json.find(','))).second) ++tally_.doubled;
    }
  }

  LogEntry some_entry() {
    if (chance(72)) return some_event();
    Change change{.kind = chance(40) ? Change::Kind::remove : Change::Kind::set_status,
                  .user = some_user(),
                  .status = some_status()};
    if (chance(80) && !ids_.empty()) {
      for (auto count = 1 + below(4); count > 0; --count)
        change.ids.push_back(ids_[below(ids_.size())]);
    } else {
      engine::Filter filter;
      if (chance(60)) filter.categories = {some_word()};
      change.filter = filter;
      if (chance(50)) change.up_to = engine::Position{.user = next_ - 1, .broadcast = next_ - 1};
    }
    return change_entry(next_++, std::move(change), static_cast<std::int64_t>(2'000 + below(100)));
  }

  LogEntry some_event() {
    EventSpec spec{
        .owner = chance(20) ? engine::UserId{} : some_user(),
        .category = some_word(),
        .action = some_word(),
        .status = chance(90) ? Status::unread : Status::read,
        .metadata = R"({"x":")" + std::string(below(chance(20) ? 6'000 : 200), 'x') + "\"}"};
    if (chance(30)) spec.id = engine::make_uuid_v4();
    // An id may be used again once its event has left, and nobody can say when that is.
    if (!events_leave() && chance(8) && !own_ids_.empty())
      std::tie(spec.owner, spec.id) = own_ids_[below(own_ids_.size())];
    auto entry = event_entry(pool_, next_++, spec);
    ids_.push_back(entry.event->id());
    if (spec.id) own_ids_.emplace_back(spec.owner, *spec.id);
    return entry;
  }

  void work(bool crash_planned) {
    // Shared with the file system, which may crash only when the store is closed.
    const auto shared = std::make_shared<AcknowledgedModel>(model_, events_leave());
    auto& acknowledged = *shared;
    {
      persistence::StoreReaders readers{{.threads = 1}};
      persistence::WriteBehind log{*store_,
                                   readers,
                                   {.shards = 1,
                                    .batch_entries_max = 1 + below(40),
                                    .retry_wait_min = milliseconds{1},
                                    .retry_wait_max = milliseconds{1}}};
      log.attach(acknowledged);
      // Where the opening survived its own plan, the power goes in between.
      disk_->begin(crash_planned ? CrashFileSystem::Plan{} : some_plan(life_operations_max),
                   [shared] { shared->on_crash(); });
      append(log, acknowledged);
      if (chance(30)) disk_->crash();
      if (disk_->crashed()) acknowledged.on_crash();
      log.stop(milliseconds{0});
    }
    ASSERT_TRUE(acknowledged.in_time())
        << "the store does not recover: " << store_->health().reason;
    ASSERT_TRUE(acknowledged.changes_right()) << "a change affected others than acknowledged";
    tally_.acknowledged += acknowledged.events();
    model_ = acknowledged.model();
    tried_ = store_->tried();
    if (!tried_.empty() && tried_.back().sequence <= acknowledged.last_sequence()) tried_.clear();
  }

  void append(persistence::WriteBehind& log, AcknowledgedModel& acknowledged) {
    const auto total = 1 + below(entries_of_a_life_max);
    for (std::size_t appended = 0; appended < total;) {
      if (chance(3)) {  // a life may show far more than it commits
        if (!acknowledged.wait_for(appended)) return;
        next_ += below(jump_max);
      }
      std::vector<LogEntry> some;
      for (auto count = 1 + below(8); count > 0; --count)
        some.push_back(some_entry());
      shown_ = next_ - 1;
      appended += some.size();
      log.append(0, some);
      if (chance(50) && !acknowledged.wait_for(appended)) return;
    }
    static_cast<void>(acknowledged.wait_for(chance(70) ? total : 0));
  }

  /// Closes what is open, on the crashed machine or before the power goes, and restarts.
  void end() {
    if (chance(50)) disk_->crash();
    store_.reset();
    disk_->crash();
    ++tally_.crashed_in[static_cast<std::size_t>(disk_->crashed_in())];
    const bool failed = disk_->failures() > 0;
    if (failed) ++tally_.with_failures;
    // A process that dies between a sync that failed and its recovery, and then the machine
    // as well, is one fault too many: Linux tells the next process nothing of the first.
    if (!failed && chance(25)) {
      ++tally_.process_alone;
      disk_->go_on();
    } else {
      disk_->restart();
    }
  }

  persistence::RetentionOptions retention_;
  TempDir dir_;
  const std::string path_ = dir_ / "store";
  std::mt19937_64 random_;
  engine::EventPool pool_;
  std::shared_ptr<CrashFileSystem> disk_;
  SleeplessEnv env_;
  std::unique_ptr<WatchedStore> store_;
  std::string refusal_;
  Tally& tally_;

  InboxModel model_;             // of what was acknowledged
  std::vector<LogEntry> tried_;  // the commit under way when the machine crashed
  std::optional<engine::Epoch> epoch_;
  Sequence shown_ = 0;
  Sequence next_ = 1;
  std::vector<EventId> ids_;
  std::vector<std::pair<engine::UserId, EventId>> own_ids_;
};

TEST(CrashPointsTest, NoneLosesOrDoublesWhatWasAcknowledged) {
  const auto seed = number_from("CARILLON_SEED", std::random_device{}());
  const auto points = number_from("CARILLON_CRASH_POINTS", points_by_default);
  RecordProperty("seed", std::to_string(seed));
  Tally tally;
  for (std::uint64_t store = 0; tally.points < points && !HasFatalFailure(); ++store) {
    SCOPED_TRACE("CARILLON_SEED=" + std::to_string(seed) + ", store " + std::to_string(store));
    Lives lives{seed + store * 2, tally};
    for (std::size_t life = 0; life < lives_of_a_store && !HasFatalFailure(); ++life)
      lives.live();
    if (!HasFatalFailure()) lives.check_at_last();
  }
  std::cout << tally << '\n';
  EXPECT_EQ(tally.lost, 0U);
  EXPECT_EQ(tally.doubled, 0U);
}

}  // namespace
}  // namespace carillon::testing
