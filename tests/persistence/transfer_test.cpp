// Export and import: what one store holds, another one holds afterwards.
#include "carillon/persistence/transfer.hpp"

#include "carillon/persistence/verify_store.hpp"
#include "tests/persistence/store_fixture.hpp"

#include <algorithm>
#include <sstream>

namespace carillon::testing {
namespace {

using engine::Errc;
using engine::make_error_code;
using engine::Severity;
using engine::Status;
using persistence::ImportOptions;
using persistence::ImportReport;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

const std::vector<engine::UserId> users{numbered(1), numbered(2), numbered(3), numbered(4)};
const auto& alice = users[0];
const auto& bob = users[1];

std::vector<StoreKind> kinds_that_outlive_us() {
  auto kinds = kinds_under_test();
  std::erase(kinds, StoreKind::memory);
  return kinds;
}

std::string name_of(const engine::Result<ImportReport>& report) {
  return report ? "" : report.error().text();
}

class TransferTest : public StoreConformanceTest {
 protected:
  void SetUp() override {
    open(small_rocksdb(source_));
    fill();
  }

  void fill() {
    std::vector<engine::EventId> of_alice;
    std::vector<engine::EventId> to_all;
    for (int i = 0; i < 60; ++i) {
      const auto& owner = users[static_cast<std::size_t>(i) % 3];
      const auto event =
          publish({.owner = owner,
                   .category = i % 2 == 0 ? "pattern" : "audit",
                   .action = i % 5 == 0 ? "undeploy" : "deploy",
                   .severity = static_cast<Severity>(i % 8),
                   .status = i % 7 == 0 ? Status::read : Status::unread,
                   .description = "\"" + std::to_string(i) + "\" \\ \xC3\xA9 \n",
                   .metadata = R"({"error":123456789012345678901234567890,"a":[{}]})",
                   .acted_upon = numbered(77),
                   .created_at_us = 1'700'000'000'000'000 + i});
      if (owner == alice) of_alice.push_back(event->id());
    }
    for (int i = 0; i < 6; ++i)
      to_all.push_back(publish({.owner = nobody,
                                .category = "system",
                                .severity = static_cast<Severity>(i),
                                .status = i == 3 ? Status::read : Status::unread,
                                .metadata = R"({"error":1})",
                                .created_at_us = 1'700'000'000'000'100 + i})
                           ->id());
    publish({.owner = bob, .id = numbered(99), .created_at_us = 1'700'000'000'000'200});
    publish({.owner = alice, .id = numbered(99), .created_at_us = 1'700'000'000'000'201});
    change({.user = alice, .status = Status::read, .ids = {of_alice[1], of_alice[2], to_all[0]}});
    change({.user = alice, .status = Status::unread, .ids = {of_alice[1], to_all[3]}});
    change({.kind = engine::Change::Kind::remove, .user = alice, .ids = {of_alice[4], to_all[1]}});
    change({.user = bob, .status = Status::read, .filter = engine::Filter{}});
    change({.kind = engine::Change::Kind::remove, .user = bob, .ids = {to_all[0]}});
  }
  void change(engine::Change what) {
    const auto sequence = next_++;
    commit({change_entry(sequence, std::move(what),
                         1'700'000'001'000'000 + static_cast<std::int64_t>(sequence))});
  }

  /// Everything that a user can see.
  std::string seen_by(const engine::UserId& user) {
    std::ostringstream out;
    const auto page = list({.user = user, .page_size = 1'000});
    for (const auto& json : page.events)
      out << json << '\n';
    out << page.total_count << ' ' << page.read_count;
    for (const auto count : page.count_by_severity)
      out << ' ' << count;
    const auto sums = store_->aggregate(user);
    out << '\n' << sums->total;
    for (const auto count : sums->by_status)
      out << ' ' << count;
    for (const auto count : sums->by_severity)
      out << ' ' << count;
    for (const auto& [category, count] : sums->by_category)
      out << ' ' << category << '=' << count;
    auto kinds = *store_->kinds(user);
    std::sort(kinds.begin(), kinds.end());
    for (const auto& kind : kinds)
      out << '\n' << kind.category << '/' << kind.action;
    return out.str();
  }
  std::vector<std::string> seen_by_all() {
    std::vector<std::string> seen;
    for (const auto& user : users)
      seen.push_back(seen_by(user));
    return seen;
  }

  /// Closes the store and writes it out.
  std::vector<std::string> exported(const std::string& store,
                                    std::optional<engine::UserId> only_user = {}) {
    store_.reset();
    std::vector<std::string> lines;
    const auto counts = persistence::export_store({.store = store, .only_user = only_user},
                                                  [&](std::string_view line) {
                                                    lines.emplace_back(line);
                                                    return true;
                                                  });
    EXPECT_TRUE(counts) << counts.error().text();
    return lines;
  }
  engine::Result<ImportReport> import_lines(const std::vector<std::string>& lines,
                                            bool keep_going = false) {
    store_.reset();
    bad_.clear();
    auto line = lines.begin();
    return persistence::import_store(
        {.store = target_.url, .keep_going = keep_going},
        [&]() -> std::optional<std::string_view> {
          if (line == lines.end()) return std::nullopt;
          return *line++;
        },
        [&](std::uint64_t number, const std::string& what) {
          bad_.push_back(std::to_string(number) + ": " + what);
        });
  }
  void expect_sound(const std::string& store) {
    store_.reset();
    std::vector<std::string> faults;
    const auto found = persistence::verify_store(
        store, [&](const auto& fault) { faults.push_back(fault.where + " " + fault.what); });
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_THAT(faults, IsEmpty());
  }

  const std::string source_ = dir_ / "source";
  const persistence::StoreOptions target_ = fresh_store(GetParam(), dir_);
  std::vector<std::string> bad_;
};

TEST_P(TransferTest, MovesEveryInboxAsItIs) {
  const auto before = seen_by_all();
  const auto identity = store_->identity();
  const auto origin = store_->origin();

  const auto imported = import_lines(exported(source_));

  ASSERT_TRUE(imported) << name_of(imported);
  EXPECT_TRUE(imported->complete);
  EXPECT_TRUE(imported->sequences_kept);
  EXPECT_EQ(imported->imported, (persistence::TransferCounts{62, 6, 8}));
  EXPECT_EQ(imported->known, persistence::TransferCounts{});
  open(target_);
  EXPECT_EQ(seen_by_all(), before);
  EXPECT_EQ(store_->identity().local_user, identity.local_user);
  EXPECT_EQ(store_->identity().system_id, identity.system_id);
  EXPECT_NE(store_->origin().epoch, origin.epoch);
  EXPECT_GE(store_->origin().first_sequence, origin.first_sequence);
  expect_sound(target_.url);
}

TEST_P(TransferTest, ComesBackFromThereAsItWas) {
  const auto before = seen_by_all();
  const auto lines = exported(source_);
  ASSERT_TRUE(import_lines(lines));

  const auto again = exported(target_.url);

  EXPECT_THAT(again, SizeIs(lines.size()));
  EXPECT_EQ(again.back(), lines.back());
  store_.reset();
  auto line = again.begin();
  const auto back = persistence::import_store(
      {.store = dir_ / "back"},
      [&]() -> std::optional<std::string_view> {
        if (line == again.end()) return std::nullopt;
        return *line++;
      },
      [](auto, const auto& what) { ADD_FAILURE() << what; });
  ASSERT_TRUE(back) << name_of(back);
  open(small_rocksdb(dir_ / "back"));
  EXPECT_EQ(seen_by_all(), before);
  expect_sound(dir_ / "back");
}

TEST_P(TransferTest, LeavesWhatIsThereAsItIsWhenRepeated) {
  const auto lines = exported(source_);
  ASSERT_TRUE(import_lines(lines));
  open(target_);
  const auto before = seen_by_all();

  const auto repeated = import_lines(lines);

  ASSERT_TRUE(repeated) << name_of(repeated);
  EXPECT_TRUE(repeated->complete);
  EXPECT_EQ(repeated->imported, persistence::TransferCounts{});
  EXPECT_EQ(repeated->known, (persistence::TransferCounts{62, 6, 8}));
  open(target_);
  EXPECT_EQ(seen_by_all(), before);
  expect_sound(target_.url);
}

TEST_P(TransferTest, GoesOnWhereItWasInterrupted) {
  const auto before = seen_by_all();
  const auto lines = exported(source_);
  const auto half = import_lines({lines.begin(), lines.begin() + 40});
  ASSERT_TRUE(half) << name_of(half);
  EXPECT_FALSE(half->complete);

  const auto whole = import_lines(lines);

  ASSERT_TRUE(whole) << name_of(whole);
  EXPECT_TRUE(whole->complete);
  EXPECT_TRUE(whole->sequences_kept);
  open(target_);
  EXPECT_EQ(seen_by_all(), before);
  expect_sound(target_.url);
}

TEST_P(TransferTest, ComesBehindWhatAStoreHolds) {
  const auto lines = exported(source_);
  open(target_);
  const auto last_of_source = next_;
  next_ = store_->origin().first_sequence;
  const auto mine = publish({.owner = alice, .id = numbered(99), .created_at_us = 5});
  const auto to_all = publish({.owner = nobody});
  ASSERT_TRUE(last_of_source > 0);

  const auto imported = import_lines(lines);

  ASSERT_TRUE(imported) << name_of(imported);
  EXPECT_FALSE(imported->sequences_kept);
  EXPECT_EQ(imported->known, (persistence::TransferCounts{.events = 1}));
  open(target_);
  const auto page = list({.user = alice, .page_size = 1'000, .after = engine::Position{}});
  EXPECT_THAT(page.events.front(), HasSubstr(to_string(mine->id())));
  EXPECT_THAT(page.events[1], HasSubstr(to_string(to_all->id())));
  auto sequences = listed({.user = alice, .page_size = 1'000, .after = engine::Position{}});
  EXPECT_TRUE(std::is_sorted(sequences.begin(), sequences.end()));
  EXPECT_GT(sequences[2], to_all->sequence());
  next_ = store_->origin().first_sequence;
  EXPECT_GT(next_, sequences.back());
  publish({.owner = alice});
  expect_sound(target_.url);
}

TEST_P(TransferTest, TakesOneUsersInboxAlone) {
  const auto of_alice = seen_by(alice);
  const auto lines = exported(source_, alice);

  EXPECT_THAT(lines, Not(::testing::Contains(HasSubstr(to_string(bob)))));
  ASSERT_TRUE(import_lines(lines));

  open(target_);
  EXPECT_EQ(seen_by(alice), of_alice);
  EXPECT_EQ(list({.user = bob}).total_count, 6U);
}

TEST_P(TransferTest, StopsAtABadLineAndNamesIt) {
  auto lines = exported(source_);
  lines[7] = lines[7].substr(0, 100);

  const auto stopped = import_lines(lines);

  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, make_error_code(Errc::invalid_argument));
  EXPECT_THAT(bad_, ElementsAre(StartsWith("8: is not JSON")));
  const auto repaired = import_lines(exported(source_));
  ASSERT_TRUE(repaired) << name_of(repaired);
  EXPECT_TRUE(repaired->complete);
  EXPECT_TRUE(repaired->sequences_kept);
}

TEST_P(TransferTest, LeavesBadLinesOutWhenToldToAndNamesEach) {
  auto lines = exported(source_);
  const auto event_of = [&](std::size_t line) { return lines[line]; };
  auto other = event_of(7);
  other.replace(other.find("\"severity\":\""), 13, "\"severity\":\"x");
  lines[7] = other;
  lines.insert(lines.begin() + 9, R"({"mark":"00000000-0000-4000-8000-00000000dead","user":")" +
                                      to_string(alice) +
                                      R"(","status":"read","updatedAt":"2026-01-01T00:00:00Z"})");
  lines.insert(lines.begin() + 11, "[1]");

  const auto imported = import_lines(lines, /*keep_going=*/true);

  ASSERT_TRUE(imported) << name_of(imported);
  EXPECT_EQ(imported->bad_lines, 3U);
  EXPECT_FALSE(imported->complete);
  std::sort(bad_.begin(), bad_.end());
  EXPECT_THAT(bad_, ElementsAre(StartsWith("10: marks a broadcast"), StartsWith("12: is no JSON"),
                                ::testing::AllOf(StartsWith("8: "), HasSubstr("severity"))));
  EXPECT_EQ(imported->imported.events, 61U);
  expect_sound(target_.url);
}

TEST_P(TransferTest, NoticesAFileThatWasCutOff) {
  auto lines = exported(source_);
  lines.pop_back();

  const auto imported = import_lines(lines);

  ASSERT_TRUE(imported) << name_of(imported);
  EXPECT_FALSE(imported->complete);
  EXPECT_EQ(imported->bad_lines, 0U);
}

TEST_P(TransferTest, RefusesWhatIsNoExportBeforeItMakesAStore) {
  for (const auto& lines : std::vector<std::vector<std::string>>{
           {},
           {"{}"},
           {"no json"},
           {R"({"carillon":"export","format":2,"epoch":1,"lastSequence":1})"}}) {
    const auto refused = import_lines(lines);

    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, make_error_code(Errc::invalid_argument));
    EXPECT_THAT(refused.error().text(), HasSubstr("line 1"));
  }
  EXPECT_FALSE(persistence::export_store({.store = target_.url}, [](auto) { return true; }));
}

TEST_P(TransferTest, EndsWhenALineCanNotBeWritten) {
  store_.reset();
  int taken = 0;

  const auto failed =
      persistence::export_store({.store = source_}, [&](auto) { return ++taken < 5; });

  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, make_error_code(Errc::io));
  EXPECT_EQ(taken, 5);
}

INSTANTIATE_TEST_SUITE_P(Stores, TransferTest, ::testing::ValuesIn(kinds_that_outlive_us()));

}  // namespace
}  // namespace carillon::testing
