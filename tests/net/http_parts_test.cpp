#include "net/src/http_shard.hpp"
#include "net/src/media_type.hpp"
#include "net/src/request_parser.hpp"
#include "net/src/response_queue.hpp"
#include "net/src/router.hpp"

#include <gtest/gtest.h>

namespace carillon::net {
namespace {

TEST(MediaTypeTest, LetsTheMostSpecificRangeDecide) {
  EXPECT_TRUE(accepts("", "application/json"));
  EXPECT_TRUE(accepts("*/*;q=0, application/json", "application/json"));
  EXPECT_FALSE(accepts("*/*, application/json; q=0.0", "application/json"));
  EXPECT_TRUE(accepts("Application/*", "application/json"));
  EXPECT_FALSE(accepts("text/*", "application/json"));
  EXPECT_TRUE(accepts_explicitly("text/html, text/event-stream;q=0.1", "text/event-stream"));
  EXPECT_FALSE(accepts_explicitly("text/*, */*", "text/event-stream"));
}

TEST(RouterTest, TellsFixedPathsFromIds) {
  constexpr std::string_view id = "/api/events/0193a0b0-0000-7000-8000-000000000001";

  EXPECT_EQ(route(Method::get, "/api/events/subscribe").endpoint, Endpoint::subscribe);
  EXPECT_EQ(route(Method::get, "/api/system/events/types").endpoint, Endpoint::kinds);
  EXPECT_EQ(route(Method::head, id).endpoint, Endpoint::get);
  EXPECT_FALSE(route(Method::get, id).id.is_nil());
  EXPECT_EQ(route(Method::put, "/api/system/events/status/bulk").endpoint,
            Endpoint::set_status_bulk);
  EXPECT_FALSE(route(Method::get, "/api/events/0193a0b0-0000-7000-8000-00000000000g").path_known);
  EXPECT_TRUE(route(Method::post, "/healthz").path_known);
  EXPECT_EQ(route(Method::post, "/healthz").endpoint, Endpoint::none);
}

TEST(ResponseQueueTest, KeepsTheOrderWhileItGrows) {
  ResponseQueue queue;
  const auto first = queue.push();
  const auto second = queue.push();
  const auto third = queue.push();

  queue.find(second)->ready = true;
  EXPECT_FALSE(queue.front()->ready);
  queue.find(first)->ready = true;
  EXPECT_EQ(queue.front(), queue.find(first));
  EXPECT_TRUE(queue.front()->ready);
  queue.pop_front();
  EXPECT_EQ(queue.find(first), nullptr);
  EXPECT_EQ(queue.front(), queue.find(second));
  EXPECT_TRUE(queue.is_newest(third));
}

// Method: more slots than there are numbers, a few in flight at any time.
TEST(ResponseQueueTest, GoesOnWhenTheNumbersWrapAround) {
  ResponseQueue queue;
  static_cast<void>(queue.push());
  for (std::uint32_t i = 0; i < ResponseQueue::number_mask + 10; ++i) {
    const auto number = queue.push();
    ASSERT_TRUE(queue.is_newest(number));
    ASSERT_NE(queue.find(number), nullptr);
    queue.pop_front();
  }
  EXPECT_EQ(queue.size(), 1U);
}

TEST(TicketTest, SurvivesTheWayThroughTheEngine) {
  const Ticket ticket{.connection = 0x2ABCDE, .generation = 0x3FFFFF, .slot = 0xFEDCB};

  const auto back = Ticket::from_token(ticket.to_token());

  EXPECT_EQ(back.connection, ticket.connection);
  EXPECT_EQ(back.generation, ticket.generation);
  EXPECT_EQ(back.slot, ticket.slot);
}

TEST(RequestParserTest, ReusesTheRequestWithoutMixingTwo) {
  Request request;
  for (const auto* name : {"a", "bb"}) {
    RequestParser parser{request, 4096};
    const auto text = std::string{"GET /"} + name + "?q HTTP/1.1\r\nHost: " + name + "\r\n\r\n";
    std::string_view rest = text;
    EXPECT_EQ(parser.feed(rest), ParseStep::header_done);
    EXPECT_TRUE(parser.is_complete());
    EXPECT_EQ(rest, "");
    EXPECT_EQ(request.path(), std::string{"/"} + name);
    EXPECT_EQ(request.query(), "q");
    EXPECT_EQ(request.header("host"), name);
    EXPECT_EQ(request.header_count(), 1U);
  }
}

TEST(ResponseTest, WritesTheDateAsHttpWantsIt) {
  EXPECT_EQ(date_header(784'111'777), "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
}

}  // namespace
}  // namespace carillon::net
