#include "tools/carillond/config_load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace carillon::carillond {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConfigLoadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::temp_directory_path() /
            ("carillon-" + std::to_string(::getpid()) + "-" + test->name() + ".toml");
    sources_.flags["data_dir"] = "/tmp/data";  // whatever HOME is
  }
  void TearDown() override { std::filesystem::remove(path_); }

  LoadedConfig load_file(const std::string& text) {
    std::ofstream{path_} << text;
    sources_.file = path_;
    return load_config(sources_);
  }
  std::string at(int line) const { return path_.string() + ":" + std::to_string(line); }

  std::filesystem::path path_;
  Sources sources_;
};

TEST_F(ConfigLoadTest, AFlagBeatsTheEnvironmentThatBeatsTheFile) {
  sources_.flags["log_level"] = "error";
  sources_.environment = {{"CARILLON_LOG_LEVEL", "warning"}, {"CARILLON_THREADS", "3"}};

  const auto loaded = load_file("log_level = \"debug\"\nthreads = 2\nlisten = \"127.0.0.1:1\"\n");

  EXPECT_THAT(loaded.faults, IsEmpty());
  EXPECT_EQ(loaded.config.log_level, "error");
  EXPECT_EQ(loaded.config.engine.shards, 3U);
  EXPECT_EQ(loaded.config.listen.port, 1);
  EXPECT_EQ(loaded.origins.at("log_level"), "--log-level");
  EXPECT_EQ(loaded.origins.at("threads"), "CARILLON_THREADS");
  EXPECT_EQ(loaded.origins.at("listen"), at(3));
  EXPECT_FALSE(loaded.origins.contains("auth")) << "a default has no origin";
}

TEST_F(ConfigLoadTest, AStoreOfNoKnownKindIsAFaultBeforeItIsOpened) {
  for (const std::string store : {"sqlite:x", "rocksdb:", "/var/lib/x", "postgresql://?a=b"}) {
    sources_.flags["store"] = store;
    EXPECT_THAT(load_config(sources_).faults, ElementsAre(HasSubstr("store"))) << store;
  }
  for (const std::string store : {"rocksdb:x", "memory:", "postgresql://h/d", "postgres://"}) {
    sources_.flags["store"] = store;
    EXPECT_THAT(load_config(sources_).faults, IsEmpty()) << store;
  }
}

TEST_F(ConfigLoadTest, AllFaultsAreReportedAtOnceEachWithItsPlace) {
  sources_.flags["threads"] = "many";
  sources_.environment = {{"CARILLON_LISTEN", "here"}};

  const auto loaded = load_file(
      "threads = 2.5\n"
      "max_evnt_bytes = 1\n"
      "[server]\n"
      "port = 1\n");

  EXPECT_THAT(loaded.faults,
              ElementsAre(AllOf(HasSubstr(at(1) + ": threads is of type floating-point"),
                                HasSubstr("expected an integer from 0 to 256")),
                          AllOf(HasSubstr(at(2) + ": unknown key max_evnt_bytes"),
                                HasSubstr("did you mean max_event_bytes?")),
                          HasSubstr(at(3) + ": unknown key server"),
                          HasSubstr("CARILLON_LISTEN: listen is \"here\": expected an IP address"),
                          HasSubstr("--threads: threads is \"many\": expected an integer")));
}

TEST_F(ConfigLoadTest, TomlThatCantBeParsedSaysWhere) {
  const auto loaded = load_file("threads = 2\nlisten = 127.0.0.1\n");

  EXPECT_THAT(loaded.faults,
              ElementsAre(AllOf(HasSubstr(at(2) + ":"), HasSubstr("not valid TOML"))));
}

TEST_F(ConfigLoadTest, AKeyThatStandsTwiceIsAFault) {
  const auto loaded = load_file("threads = 2\nthreads = 3\n");

  EXPECT_THAT(loaded.faults, ElementsAre(HasSubstr(at(2))));
}

TEST_F(ConfigLoadTest, AFileThatCantBeReadIsAFault) {
  sources_.file = "/nonexistent/carillond.toml";
  EXPECT_THAT(load_config(sources_).faults,
              ElementsAre("/nonexistent/carillond.toml: can't be read: No such file or directory"));

  sources_.file = "/";
  EXPECT_THAT(load_config(sources_).faults, ElementsAre("/: can't be read: Is a directory"));
}

TEST_F(ConfigLoadTest, WithoutAuthAnOpenAddressNeedsInsecure) {
  sources_.flags["listen"] = "0.0.0.0:9081";
  EXPECT_THAT(load_config(sources_).faults, ElementsAre(HasSubstr("--insecure")));

  sources_.flags["insecure"] = "true";
  EXPECT_THAT(load_config(sources_).faults, IsEmpty());
}

TEST_F(ConfigLoadTest, AnUnknownVariableIsAWarningNotAFault) {
  sources_.environment = {{"CARILLON_THREAD", "3"},
                          {"CARILLON_URL", "the client's"},
                          {"CARILLON_CONFIG", "the file's"}};

  const auto loaded = load_config(sources_);

  EXPECT_THAT(loaded.faults, IsEmpty());
  EXPECT_THAT(loaded.warnings, ElementsAre(HasSubstr("CARILLON_THREAD ")));
}

TEST_F(ConfigLoadTest, TheDefaultStoreLiesInTheDataDirectory) {
  Config config;
  config.data_dir = "/srv/carillon";
  EXPECT_EQ(store_url(config), "rocksdb:/srv/carillon/store");

  config.store.url = "memory:";
  EXPECT_EQ(store_url(config), "memory:");
}

TEST_F(ConfigLoadTest, AReloadAppliesLiveKeysAndNamesTheOthers) {
  Config running;
  Config wanted;
  wanted.log_level = "debug";
  wanted.engine.shards = 7;
  wanted.listen.port = 1;

  const auto outcome = reload_live_keys(running, wanted);

  EXPECT_THAT(outcome.applied, ElementsAre("log_level"));
  EXPECT_THAT(outcome.needs_restart, ElementsAre("listen", "threads"));
  EXPECT_EQ(running.log_level, "debug");
  EXPECT_EQ(running.engine.shards, Config{}.engine.shards);
}

}  // namespace
}  // namespace carillon::carillond
