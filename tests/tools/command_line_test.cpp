#include "tools/carillond/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace carillon::carillond {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

ParsedCommandLine parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "carillond");
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

TEST(CommandLineTest, EveryKeyIsAFlag) {
  for (const auto& key : config_keys()) {
    const auto flag = flag_of(key);
    Config defaults;
    const bool alone = std::holds_alternative<bool*>(key.field(defaults));
    const auto parsed = alone ? parse({flag.c_str()}) : parse({flag.c_str(), "x"});

    ASSERT_TRUE(parsed.command) << flag;
    EXPECT_TRUE(parsed.command->sources.flags.contains(std::string{key.name})) << flag;
  }
}

TEST(CommandLineTest, OnlyWhatWasGivenIsASource) {
  const auto parsed = parse({"--listen", "[::1]:0", "--insecure", "--config", "a.toml"});

  ASSERT_TRUE(parsed.command);
  EXPECT_EQ(parsed.command->task, Task::serve);
  EXPECT_THAT(parsed.command->sources.flags,
              ElementsAre(Pair("insecure", "true"), Pair("listen", "[::1]:0")));
  EXPECT_EQ(parsed.command->sources.file, "a.toml");
}

TEST(CommandLineTest, WithoutArgumentsItServesWithDefaults) {
  const auto parsed = parse({});

  ASSERT_TRUE(parsed.command);
  EXPECT_THAT(parsed.command->sources.flags, IsEmpty());
  EXPECT_FALSE(parsed.command->sources.file);
}

TEST(CommandLineTest, ChecksOrPrintsTheConfiguration) {
  EXPECT_EQ(parse({"--check-config"}).command.value().task, Task::check_config);
  EXPECT_EQ(parse({"--print-config"}).command.value().task, Task::print_config);
}

TEST(CommandLineTest, WhatItDoesNotKnowEndsWithOne) {
  EXPECT_EQ(parse({"--colour"}).exit_code, 1);
  EXPECT_EQ(parse({"serve"}).exit_code, 1);
  EXPECT_EQ(parse({"--check-config", "--print-config"}).exit_code, 1);
}

TEST(CommandLineTest, HelpAndVersionEndWithZero) {
  for (const auto* flag : {"--help", "--version"}) {
    const auto parsed = parse({flag});
    EXPECT_FALSE(parsed.command);
    EXPECT_EQ(parsed.exit_code, 0);
  }
}

}  // namespace
}  // namespace carillon::carillond
