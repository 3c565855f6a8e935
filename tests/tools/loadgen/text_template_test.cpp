#include "tools/loadgen/text_template.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace carillon::loadgen {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(TextTemplateTest, ReplacesPlaceholdersAndLeavesTheBracesOfJson) {
  const TextTemplate body{
      R"({"to":"{{user}}","n":{{number}},"in":{"text":"{{stamp}}{{padding}}"}})"};

  EXPECT_EQ(body.render({.user = "u-1", .number = 7, .stamp = "lg", .padding = "xx"}),
            R"({"to":"u-1","n":7,"in":{"text":"lgxx"}})");
}

TEST(TextTemplateTest, KnowsWhatItUses) {
  const TextTemplate body{"stamp {{user_index}}"};

  EXPECT_TRUE(body.uses("user_index"));
  EXPECT_FALSE(body.uses("user"));
  EXPECT_FALSE(body.uses("stamp")) << "a word is no placeholder";
}

TEST(TextTemplateTest, RefusesAnUnknownPlaceholderAndListsTheKnownOnes) {
  EXPECT_THAT([] { TextTemplate{"ab{{usr}}"}; },
              ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("'{{usr}}' at character 3"),
                                                         HasSubstr("{{user}}, {{user_index}}"))));
}

TEST(TextTemplateTest, RefusesAPlaceholderWithoutAnEnd) {
  EXPECT_THAT([] { TextTemplate{"a{{user}"}; },
              ThrowsMessage<std::invalid_argument>(HasSubstr("begins at character 2 has no end")));
}

}  // namespace
}  // namespace carillon::loadgen
