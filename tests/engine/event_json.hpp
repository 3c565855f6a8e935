#pragma once

#include "carillon/engine/event_parser.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace carillon::engine {

class EventParserTest : public ::testing::Test {
 protected:
  /// A valid event, with `members` after what every event must have.
  static std::string event_json(std::string_view members = "") {
    std::string text = R"({"category":"pattern","action":"deploy","severity":"success")";
    if (!members.empty()) text += ",";
    return text.append(members) + "}";
  }

  /// The faults of event_json(members), in one line.
  std::string faults_with(std::string_view members) {
    const auto result = parser_.parse(event_json(members), user_);
    EXPECT_EQ(result.fault, ParseFault::invalid_event) << members;
    std::string line;
    for (const auto& fault : result.details) {
      if (!line.empty()) line += "; ";
      line += fault.field + " " + fault.error;
    }
    return line;
  }

  EventPool pool_;
  const Uuid system_ = *parse_uuid("33333333-3333-3333-3333-333333333333");
  const Uuid other_ = *parse_uuid("22222222-2222-2222-2222-222222222222");
  const Publisher user_{.user = *parse_uuid("11111111-1111-1111-1111-111111111111")};
  const Publisher service_{.user = user_.user, .service = true};
  EventParser parser_{pool_, system_};
};

}  // namespace carillon::engine
