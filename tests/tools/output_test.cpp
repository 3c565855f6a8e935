#include "tools/carillon/output.hpp"

#include <gtest/gtest.h>

#include <string>

namespace carillon::client {
namespace {

const std::string event =
    R"({"id":"0192","category":"a","action":"b","severity":"error","status":"unread",)"
    R"("createdAt":"2026-01-01T00:00:00.000000Z","sequence":12,"description":"ünï\u001b[2J"})";

TEST(OutputTest, ReadsWhatATableShows) {
  const auto row = parse_event(event);

  ASSERT_TRUE(row);
  EXPECT_EQ(row->sequence, "12");
  EXPECT_EQ(row->kind, "a/b");
  EXPECT_EQ(row->description, "ünï [2J") << "an escape sequence must not reach the terminal";
}

TEST(OutputTest, ATableIsAsWideAsItsWidestCells) {
  const auto table = format_table({{.sequence = "1", .severity = "ü", .id = "long-identifier"},
                                   {.sequence = "123456789", .severity = "error"}});

  EXPECT_EQ(table,
            "SEQUENCE   CREATED  SEVERITY  STATUS  KIND  ID               DESCRIPTION\n"
            "1                   ü                       long-identifier  \n"
            "123456789           error                                    \n");
}

TEST(OutputTest, ReadsAListAndIds) {
  const auto list = parse_list(R"({"totalCount":7,"data":[)" + event + "," + event + "]}");

  ASSERT_TRUE(list);
  EXPECT_EQ(list->total, 7U);
  EXPECT_EQ(list->rows.size(), 2U);
  EXPECT_EQ(parse_ids(R"({"updated":["a","b"]})", "updated"), (std::vector<std::string>{"a", "b"}));
}

TEST(OutputTest, WhatIsNoAnswerIsNoRow) {
  EXPECT_FALSE(parse_event("[]"));
  EXPECT_FALSE(parse_event("{"));
  EXPECT_FALSE(parse_list("{}"));
  EXPECT_FALSE(parse_ids("{}", "updated"));
}

TEST(OutputTest, ControlCharactersBecomeSpaces) {
  EXPECT_EQ(printable("a\nb\x7f\xC2\x9B"
                      "c\xC2\xA0"),
            "a b   c\xC2\xA0");
}

}  // namespace
}  // namespace carillon::client
