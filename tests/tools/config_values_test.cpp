#include "tools/carillond/config_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>

namespace carillon::carillond {
namespace {

using Form = RawValue::Form;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class ConfigValuesTest : public ::testing::Test {
 protected:
  /// The fault of the assignment, or empty.
  std::string set(std::string_view name, Form form, const std::string& text) {
    return assign(*find_key(name), {form, text}, config_).value_or("");
  }

  Config config_;
};

TEST_F(ConfigValuesTest, EveryDefaultIsAValueThatItsKeyTakes) {
  for (const auto& key : config_keys()) {
    auto shown = to_toml(key, config_);
    const bool quoted = shown.starts_with('"');
    const auto text = quoted ? shown.substr(1, shown.size() - 2) : shown;

    EXPECT_EQ(assign(key, {Form::word, text}, config_), std::nullopt) << key.name << " = " << text;
    EXPECT_EQ(to_toml(key, config_), shown) << key.name;
  }
}

TEST_F(ConfigValuesTest, NamesOfKeysAreUnique) {
  std::set<std::string_view> names;
  for (const auto& key : config_keys())
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
}

TEST_F(ConfigValuesTest, BytesAreANumberOrATextWithAUnit) {
  EXPECT_EQ(set("max_event_bytes", Form::integer, "4096"), "");
  EXPECT_EQ(config_.network.event_bytes_max, 4096U);
  EXPECT_EQ(set("max_event_bytes", Form::text, "2MiB"), "");
  EXPECT_EQ(config_.network.event_bytes_max, 2U << 20U);
  EXPECT_EQ(set("max_event_bytes", Form::word, "64KiB"), "");
  EXPECT_EQ(config_.network.event_bytes_max, 64U << 10U);
}

TEST_F(ConfigValuesTest, BytesOutOfRangeNameTheRange) {
  for (const auto* text : {"1023", "99999999999", "-1", "18446744073709551616"})
    EXPECT_THAT(set("max_event_bytes", Form::integer, text), HasSubstr("from 1KiB to 16MiB"))
        << text;
  for (const auto* text : {"17179869184GiB", "1KB", "KiB", "1.5MiB", "4096"})
    EXPECT_NE(set("max_event_bytes", Form::text, text), "") << text;
}

TEST_F(ConfigValuesTest, ATimeNeedsItsUnit) {
  EXPECT_EQ(set("request_timeout", Form::text, "1500ms"), "");
  EXPECT_EQ(config_.network.request_timeout, 1500ms);
  EXPECT_EQ(set("request_timeout", Form::text, "2min"), "");
  EXPECT_EQ(config_.network.request_timeout, 120s);

  EXPECT_EQ(set("retention_age", Form::word, "90d"), "");
  EXPECT_EQ(config_.store.retention.age, 24h * 90);
  EXPECT_EQ(to_toml(*find_key("retention_age"), config_), "\"90d\"");

  EXPECT_THAT(set("request_timeout", Form::integer, "30"), HasSubstr("\"30s\""));
  EXPECT_THAT(set("request_timeout", Form::word, "30"), HasSubstr("with its unit"));
  EXPECT_EQ(config_.network.request_timeout, 120s) << "a refused value changed the field";
}

TEST_F(ConfigValuesTest, AWrongChoiceNamesTheRightOnes) {
  EXPECT_EQ(set("log_level", Form::text, "loud"), "expected one of debug, info, warning, error");
  EXPECT_EQ(set("publish_status", Form::integer, "202"), "expected one of 200, 201");
  EXPECT_EQ(set("auth", Form::boolean, "true"), "expected one of none");
  EXPECT_EQ(set("publish_status", Form::integer, "200"), "");
  EXPECT_EQ(config_.network.publish_status, 200U);
}

TEST_F(ConfigValuesTest, TheFilesTypeMustBeTheKeysType) {
  EXPECT_EQ(set("threads", Form::text, "4"), "expected an integer from 0 to 256");
  EXPECT_EQ(set("insecure", Form::text, "true"), "expected true or false");
  EXPECT_EQ(set("data_dir", Form::integer, "4"), "expected a text in quotes");
  EXPECT_NE(set("listen", Form::other, "table"), "");
}

TEST_F(ConfigValuesTest, FlagsAndEnvironmentAreWords) {
  EXPECT_EQ(set("threads", Form::word, "4"), "");
  EXPECT_EQ(set("insecure", Form::word, "true"), "");
  EXPECT_EQ(set("listen", Form::word, "[::1]:0"), "");

  EXPECT_EQ(config_.engine.shards, 4U);
  EXPECT_TRUE(config_.insecure);
  EXPECT_EQ(to_toml(*find_key("listen"), config_), "\"[::1]:0\"");
}

TEST_F(ConfigValuesTest, TextsAreQuotedAsTomlWantsThem) {
  config_.data_dir = "a \"b\"\\\n";

  EXPECT_EQ(to_toml(*find_key("data_dir"), config_), R"("a \"b\"\\\n")");
}

TEST_F(ConfigValuesTest, ATypingErrorFindsItsKey) {
  EXPECT_EQ(nearest_key("max_evnt_bytes"), "max_event_bytes");
  EXPECT_EQ(nearest_key("datadir"), "data_dir");
  EXPECT_EQ(nearest_key("completely_different"), "");
}

TEST_F(ConfigValuesTest, FlagAndVariableFollowFromTheName) {
  const auto& key = *find_key("data_dir");

  EXPECT_EQ(flag_of(key), "--data-dir");
  EXPECT_EQ(environment_of(key), "CARILLON_DATA_DIR");
}

}  // namespace
}  // namespace carillon::carillond
