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

TEST(TextTemplateTest, HoldsBytesThatAreNoText) {
  EXPECT_EQ(TextTemplate{"a{{hex:0D0a00ff}}{{user}}"}.render({.user = "u"}),
            (std::string{"a\r\n\0\xffu", 6}));
}

TEST(TextTemplateTest, RefusesBytesThatAreNotPairsOfHexadecimalDigits) {
  for (const auto* text : {"x{{hex:}}", "x{{hex:0}}", "x{{hex:0g}}", "x{{hex:0d0}}", "x{{hex:-1}}"})
    EXPECT_THAT([text] { TextTemplate{text}; },
                ThrowsMessage<std::invalid_argument>(HasSubstr("the bytes at character 2")))
        << text;
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
