// verify_store: a sound store has no faults, and each kind of damage is named.
#include "carillon/persistence/verify_store.hpp"

#include "persistence/src/addition_rows.hpp"
#include "persistence/src/keys.hpp"
#include "persistence/src/meta_rows.hpp"
#include "persistence/src/records.hpp"
#include "persistence/src/rocks_tables.hpp"
#include "persistence/src/table_walk.hpp"
#include "persistence/src/user_kinds.hpp"
#include "tests/persistence/store_fixture.hpp"

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

namespace carillon::testing {
namespace {

namespace fs = std::filesystem;
using engine::Errc;
using engine::make_error_code;
using persistence::RocksTables;
using persistence::StoreFault;
using persistence::StoreFindings;
using persistence::Table;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

const engine::UserId alice = numbered(1);
const engine::UserId bob = numbered(2);
const std::string alice_text = to_string(alice);

class VerifyStoreTest : public StoreTest {
 protected:
  void SetUp() override {
    open(small_rocksdb(path_));
    for (int i = 0; i < 30; ++i)
      events_.push_back(
          publish({.owner = i % 3 == 0 ? bob : alice,
                   .category = i % 2 == 0 ? "pattern" : "audit",
                   .description = std::string(300, static_cast<char>('a' + i % 26))}));
    for (int i = 0; i < 5; ++i)
      broadcasts_.push_back(publish({.owner = nobody, .status = engine::Status::read}));
    mark(alice, {events_[1]->id(), events_[2]->id(), broadcasts_[0]->id()}, engine::Status::unread);
    mark(alice, {events_[1]->id()});
    remove(alice, {events_[4]->id(), broadcasts_[1]->id()});
    remove(bob, {events_[0]->id()});
    mark(bob, {broadcasts_[2]->id()}, engine::Status::unread);
    mark(numbered(3), {broadcasts_[2]->id()}, engine::Status::unread);
    // So few sequences are used that the shard's own are below what was reserved.
  }

  /// Closes the store and changes its rows behind its back.
  void tamper(const std::function<void(const RocksTables&)>& change) {
    store_.reset();
    auto tables = RocksTables::open(path_, {});
    ASSERT_TRUE(tables);
    change(**tables);
    ASSERT_TRUE((*tables)->flush().ok());
  }
  static void put(const RocksTables& tables,
                  Table table,
                  const std::string& key,
                  const std::string& value) {
    ASSERT_TRUE(tables.db().Put({}, tables.handle(table), key, value).ok());
  }
  /// Keys of the rows with additions to counts, ascending.
  static std::vector<std::string> additions(const RocksTables& tables) {
    std::vector<std::string> keys;
    for (persistence::TableWalk walk{tables, Table::meta}; walk.valid(); walk.next())
      if (walk.key().starts_with("additions")) keys.emplace_back(walk.key());
    EXPECT_THAT(keys, Not(IsEmpty()));
    return keys;
  }
  static void erase(const RocksTables& tables, Table table, const std::string& key) {
    ASSERT_TRUE(tables.db().Delete({}, tables.handle(table), key).ok());
  }

  /// The faults as text, and the findings in found_.
  std::vector<std::string> verify(const std::string& store) {
    store_.reset();
    std::vector<std::string> faults;
    auto found = persistence::verify_store(
        store, [&](const StoreFault& fault) { faults.push_back(fault.where + " " + fault.what); });
    EXPECT_TRUE(found) << found.error().text();
    if (found) found_ = *std::move(found);
    EXPECT_EQ(found_.faults, faults.size());
    return faults;
  }
  std::vector<std::string> verify() { return verify(path_); }

  std::set<std::string> files_in(const std::string& directory) {
    std::set<std::string> names;
    for (const auto& file : fs::directory_iterator{directory})
      names.insert(file.path().filename().string() + " " + std::to_string(file.file_size()));
    return names;
  }

  const std::string path_ = dir_ / "store";
  std::vector<engine::EventRef> events_;
  std::vector<engine::EventRef> broadcasts_;
  StoreFindings found_;
};

TEST_F(VerifyStoreTest, FindsNoFaultInASoundStoreAndCountsWhatIsThere) {
  EXPECT_THAT(verify(), IsEmpty());

  EXPECT_EQ(found_.users, 3U);
  EXPECT_EQ(found_.events, 30U);
  EXPECT_EQ(found_.broadcasts, 5U);
  EXPECT_EQ(found_.deleted, 2U);
  EXPECT_EQ(found_.marks, 4U);
  EXPECT_GT(found_.bytes, 0U);
  EXPECT_THAT(found_.unchecked, IsEmpty());
}

TEST_F(VerifyStoreTest, ReadsALogThatWasNotWrittenOut) {
  const auto copy = dir_ / "copy";
  fs::copy(path_, copy);  // as a crash would leave it

  EXPECT_THAT(verify(copy), IsEmpty());
  EXPECT_EQ(found_.events, 30U);
}

TEST_F(VerifyStoreTest, LeavesNoTraceInAStoreOrABackup) {
  ASSERT_TRUE(store_->backup(dir_ / "backup"));
  store_.reset();
  const auto store = files_in(path_);
  const auto backup = files_in(dir_ / "backup");

  EXPECT_THAT(verify(), IsEmpty());
  EXPECT_THAT(verify(dir_ / "backup"), IsEmpty());

  EXPECT_EQ(files_in(path_), store);
  EXPECT_EQ(files_in(dir_ / "backup"), backup);
}

TEST_F(VerifyStoreTest, TakesTheServersDataDirectoryAndTheUrlToo) {
  EXPECT_THAT(verify(dir_ / ""), IsEmpty());  // the store lies in its `store`
  EXPECT_THAT(verify("rocksdb:" + path_), IsEmpty());
  EXPECT_EQ(found_.events, 30U);
}

TEST_F(VerifyStoreTest, RefusesAStoreThatIsOpenOrAbsent) {
  const auto ignore = [](const StoreFault&) {};

  const auto open = persistence::verify_store(path_, ignore);
  const auto absent = persistence::verify_store(dir_ / "absent", ignore);

  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, make_error_code(Errc::locked));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, make_error_code(Errc::not_found));
  EXPECT_FALSE(fs::exists(dir_ / "absent"));
}

TEST_F(VerifyStoreTest, NamesACountThatIsWrong) {
  persistence::Counters one;
  one.at(engine::Status::unread, engine::Severity::success) = 1;
  std::string addition;
  append_counters(addition, one);
  tamper([&](const RocksTables& tables) {
    ASSERT_TRUE(tables.db()
                    .Merge({}, tables.handle(Table::counts),
                           std::string{persistence::bytes_of(alice)}, addition)
                    .ok());
  });

  EXPECT_THAT(verify(), ElementsAre(AllOf(HasSubstr("counts of user " + alice_text),
                                          HasSubstr("unread success"), HasSubstr("says "))));
}

TEST_F(VerifyStoreTest, NamesARowOfCountsThatIsMissing) {
  tamper([](const RocksTables& tables) {
    erase(tables, Table::counts, std::string{persistence::bytes_of(bob)});
  });

  EXPECT_THAT(verify(),
              Contains(AllOf(HasSubstr("counts of user " + to_string(bob)), HasSubstr("says 0"))));
}

TEST_F(VerifyStoreTest, NamesAKindThatIsMissing) {
  tamper([](const RocksTables& tables) {
    erase(tables, Table::kinds, std::string{persistence::bytes_of(alice)});
  });

  EXPECT_THAT(verify(), Contains(AllOf(HasSubstr("kind audit/deploy of user " + alice_text),
                                       HasSubstr("its events add up to"))));
}

TEST_F(VerifyStoreTest, NamesAKindThatIsMissingOrTooMuch) {
  std::string addition;
  persistence::append_kind(addition, std::string_view{"audit\0deploy", 12}, -2);
  persistence::append_kind(addition, std::string_view{"audit\0invent", 12}, 1);
  tamper([&](const RocksTables& tables) {
    ASSERT_TRUE(tables.db()
                    .Merge({}, tables.handle(Table::kinds),
                           std::string{persistence::bytes_of(alice)}, addition)
                    .ok());
  });

  EXPECT_THAT(verify(), ElementsAre(AllOf(HasSubstr("kind audit/deploy of user " + alice_text),
                                          HasSubstr("its events add up to")),
                                    AllOf(HasSubstr("kind audit/invent of user " + alice_text),
                                          HasSubstr("says 1, its events add up to 0"))));
}

TEST_F(VerifyStoreTest, NamesARowOfKindsThatCanNotBeRead) {
  tamper([](const RocksTables& tables) {
    put(tables, Table::kinds, std::string{persistence::bytes_of(alice)}, "\x7F");
    put(tables, Table::kinds, persistence::kind_key(bob, "of", "schema2"), "");
  });

  EXPECT_THAT(
      verify(),
      AllOf(Contains(AllOf(HasSubstr("kinds of user " + alice_text), HasSubstr("can't be read"))),
            Contains(AllOf(HasSubstr("kind of/schema2"), HasSubstr("can't be read")))));
}

TEST_F(VerifyStoreTest, NamesAdditionsThatCanNotBeRead) {
  std::string key;
  tamper([&](const RocksTables& tables) {
    key = additions(tables).back();
    put(tables, Table::meta, key, "no additions");
  });

  EXPECT_THAT(verify(),
              AllOf(Contains(AllOf(HasSubstr("additions to counts, generation"),
                                   HasSubstr("can't be read"))),
                    Contains(AllOf(HasSubstr("counts of user"), HasSubstr("its events add up")))));
}

TEST_F(VerifyStoreTest, NamesCountsWhoseAdditionsAreMissing) {
  tamper([](const RocksTables& tables) { erase(tables, Table::meta, additions(tables).back()); });

  EXPECT_THAT(verify(), Contains(AllOf(HasSubstr("counts of user " + to_string(numbered(3))),
                                       HasSubstr("its events add up to"))));
}

TEST_F(VerifyStoreTest, NamesAdditionsOfAGenerationThatIsNotThereAndOfAnUnknownUser) {
  persistence::Counters two;
  two.at(engine::Status::read, engine::Severity::error) = 2;
  std::string counts;
  append_counters(counts, two);
  std::string added;
  persistence::append_additions(added, numbered(9), counts, {});
  tamper([&](const RocksTables& tables) {
    auto key = additions(tables).back();
    ++key.back();
    put(tables, Table::meta, key, added);
    put(tables, Table::meta, persistence::additions_key(1'000, 1), added);
  });

  EXPECT_THAT(verify(), ElementsAre(AllOf(HasSubstr("generation 1000, write 1"),
                                          HasSubstr("belongs to no generation")),
                                    AllOf(HasSubstr("counts of user " + to_string(numbered(9))),
                                          HasSubstr("read error"),
                                          HasSubstr("says 2, its events add up to 0"))));
}

TEST_F(VerifyStoreTest, NamesWhatIsWrongAboutHowFarAdditionsCameToRows) {
  tamper([](const RocksTables& tables) { put(tables, Table::meta, "folded", "far"); });

  EXPECT_THAT(verify(), Contains(AllOf(HasSubstr("meta folded"), HasSubstr("can't be read"))));
}

TEST_F(VerifyStoreTest, NamesAnEventWhoseIdIsMissing) {
  const auto& event = *events_[7];
  tamper([&](const RocksTables& tables) {
    erase(tables, Table::ids, persistence::id_key(event.owner(), event.id()));
  });

  EXPECT_THAT(verify(),
              ElementsAre(AllOf(HasSubstr("sequence " + std::to_string(event.sequence())),
                                HasSubstr(to_string(event.id())), HasSubstr("can't be found"))));
}

TEST_F(VerifyStoreTest, NamesAnIdThatLeadsToNoEventOrToAnother) {
  const auto other = engine::make_uuid_v7();
  tamper([&](const RocksTables& tables) {
    put(tables, Table::ids, persistence::id_key(alice, other),
        persistence::encode_number(events_[1]->sequence()));
    put(tables, Table::ids, persistence::id_key(bob, other), persistence::encode_number(5));
  });

  EXPECT_THAT(verify(),
              ElementsAre(AllOf(HasSubstr("id " + to_string(other)),
                                HasSubstr("where the event " + to_string(events_[1]->id()))),
                          AllOf(HasSubstr("id " + to_string(other)),
                                HasSubstr("sequence 5, where no event is"))));
}

TEST_F(VerifyStoreTest, NamesAMarkOfNoBroadcast) {
  tamper([](const RocksTables& tables) {
    put(tables, Table::state, persistence::sequence_key(alice, 7),
        persistence::encode_state({.state = {.status = engine::Status::read}, .change = 900}));
  });

  EXPECT_THAT(verify(), ElementsAre(AllOf(HasSubstr("state of user " + alice_text + ", sequence 7"),
                                          HasSubstr("no broadcast"))));
  EXPECT_THAT(found_.unchecked, ElementsAre(HasSubstr("counts of user " + alice_text)));
}

TEST_F(VerifyStoreTest, NamesSequencesBeyondWhatWasReserved) {
  tamper([](const RocksTables& tables) {
    put(tables, Table::meta, "reserved_until", persistence::encode_number(120));
  });

  EXPECT_THAT(verify(), Contains(AllOf(HasSubstr("event of user"), HasSubstr("sequence 121"),
                                       HasSubstr("beyond the reserved"))));
}

TEST_F(VerifyStoreTest, NamesAnEventThatCanNotBeRead) {
  const auto& event = *events_[7];
  tamper([&](const RocksTables& tables) {
    put(tables, Table::events, persistence::sequence_key(alice, event.sequence()), "nonsense");
  });

  EXPECT_THAT(verify(), Contains(AllOf(HasSubstr("event of user " + alice_text + ", sequence " +
                                                 std::to_string(event.sequence())),
                                       HasSubstr("can't be read"))));
}

TEST_F(VerifyStoreTest, NamesTheFileWhoseBytesWereFlipped) {
  store_.reset();
  fs::path largest;
  for (const auto& file : fs::directory_iterator{path_})
    if (file.path().extension() == ".sst" &&
        (largest.empty() || file.file_size() > fs::file_size(largest)))
      largest = file.path();
  std::fstream bytes{largest, std::ios::in | std::ios::out | std::ios::binary};
  bytes.seekp(200);
  bytes.write("\xFF\xFE\xFD\xFC", 4);
  bytes.close();

  const auto faults = verify();

  EXPECT_THAT(faults, Contains(AllOf(HasSubstr(largest.string()), HasSubstr("checksum"))));
  EXPECT_THAT(faults, Contains(HasSubstr("table events can't be read to its end")));
  EXPECT_THAT(found_.unchecked, Contains(HasSubstr("ids")));
}

}  // namespace
}  // namespace carillon::testing
