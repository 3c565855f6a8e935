#include "tools/carillond/config_print.hpp"

#include "tools/carillond/config_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace carillon::carillond {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Sources some_sources() {
  Sources sources;
  sources.flags = {{"listen", "[::1]:7"}, {"data_dir", "/a \"quoted\" place"}};
  sources.environment = {{"CARILLON_REQUEST_TIMEOUT", "90s"}, {"CARILLON_MAX_EVENT_BYTES", "5000"}};
  return sources;
}

TEST(ConfigPrintTest, SaysWhereEachValueCameFrom) {
  const auto text = print_config(load_config(some_sources()));

  EXPECT_THAT(text, HasSubstr("\nlisten = \"[::1]:7\"  # --listen\n"));
  EXPECT_THAT(text, HasSubstr("\nrequest_timeout = \"90s\"  # CARILLON_REQUEST_TIMEOUT\n"));
  EXPECT_THAT(text, HasSubstr("\nmax_event_bytes = 5000  # CARILLON_MAX_EVENT_BYTES\n"));
  EXPECT_THAT(text, HasSubstr("\nthreads = 0  # default\n"));
}

TEST(ConfigPrintTest, HidesThePasswordOfTheStore) {
  Sources sources;
  sources.flags = {{"store", "postgresql://me:secret@h/db"}};

  EXPECT_THAT(print_config(load_config(sources)),
              HasSubstr("\nstore = \"postgresql://me:***@h/db\"  # --store\n"));
}

TEST(ConfigPrintTest, PrintsAFileThatGivesTheSameConfiguration) {
  const auto original = load_config(some_sources());
  const auto path = std::filesystem::temp_directory_path() /
                    ("carillon-print-" + std::to_string(::getpid()) + ".toml");
  std::ofstream{path} << print_config(original);

  Sources sources;
  sources.file = path;
  const auto again = load_config(sources);
  std::filesystem::remove(path);

  EXPECT_THAT(again.faults, IsEmpty());
  for (const auto& key : config_keys())
    EXPECT_EQ(to_toml(key, again.config), to_toml(key, original.config)) << key.name;
}

}  // namespace
}  // namespace carillon::carillond
