#include "tools/carillond/listen_address.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

namespace carillon::carillond {
namespace {

TEST(ListenAddressTest, ReadsAnIpAddressAndAPort) {
  const auto v4 = parse_listen_address("0.0.0.0:80");
  const auto v6 = parse_listen_address("[::1]:9081");

  ASSERT_TRUE(v4 && v6);
  EXPECT_EQ(*v4, (ListenAddress{.host = "0.0.0.0", .port = 80}));
  EXPECT_EQ(*v6, (ListenAddress{.host = "::1", .port = 9081}));
}

TEST(ListenAddressTest, RefusesWhatIsNotAnAddressAndAPort) {
  constexpr std::array<std::string_view, 12> wrong{"",
                                                   "127.0.0.1",
                                                   "127.0.0.1:",
                                                   "127.0.0.1:65536",
                                                   "127.0.0.1:-1",
                                                   "127.0.0.1:90 ",
                                                   ":9081",
                                                   "::1:9081",
                                                   "[127.0.0.1]:9081",
                                                   "[::1]9081",
                                                   "example.org:9081",
                                                   "[]:1"};

  for (const auto text : wrong)
    EXPECT_FALSE(parse_listen_address(text)) << text;
}

TEST(ListenAddressTest, WritesWhatItReads) {
  for (const std::string text : {"127.0.0.1:0", "[::1]:9081", "localhost:1", "[::]:65535"})
    EXPECT_EQ(to_string(parse_listen_address(text).value()), text);
}

TEST(ListenAddressTest, KnowsWhatOnlyThisMachineReaches) {
  for (const auto* text : {"127.0.0.1:1", "127.255.0.9:1", "[::1]:1", "localhost:1"})
    EXPECT_TRUE(is_loopback(parse_listen_address(text).value())) << text;
  for (const auto* text : {"0.0.0.0:1", "[::]:1", "192.168.1.1:1", "128.0.0.1:1"})
    EXPECT_FALSE(is_loopback(parse_listen_address(text).value())) << text;
}

}  // namespace
}  // namespace carillon::carillond
