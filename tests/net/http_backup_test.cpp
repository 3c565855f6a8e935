// POST /api/admin/backup: what it asks of the store, and how it says what became of it.
#include "tests/net/http_harness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>

namespace carillon::net {
namespace {

using engine::Errc;
using engine::Error;
using engine::Result;
using ::testing::HasSubstr;

constexpr const char* path = "/api/admin/backup";
using Done = std::function<void(Result<std::uint64_t>)>;

/// A server whose backups end as the test says.
ServerOptions answering(std::function<Result<std::uint64_t>(const std::string&)> made) {
  ServerOptions options;
  options.backup = [made = std::move(made)](const std::string& directory, const Done& done) {
    done(made(directory));
  };
  return options;
}

TEST(HttpBackupTest, MakesABackupInTheDirectoryThatIsNamed) {
  std::string asked_for;
  HttpHarness harness{answering([&](const std::string& directory) -> Result<std::uint64_t> {
    asked_for = directory;
    return std::uint64_t{4'711};
  })};

  const auto answer = harness.client().request("POST", path, R"({"directory":"/backups/\"a\""})");

  EXPECT_EQ(answer.status, 201U);
  EXPECT_EQ(answer.at("/directory"), "/backups/\"a\"");
  EXPECT_EQ(answer.at("/bytes"), "4711");
  EXPECT_EQ(asked_for, "/backups/\"a\"");
}

TEST(HttpBackupTest, AnswersWhenTheBackupIsMadeAndServesMeanwhile) {
  Done finish;
  std::promise<void> begun;
  ServerOptions options;
  options.backup = [&](const std::string&, const Done& done) {
    finish = done;
    begun.set_value();
  };
  HttpHarness harness{options};
  auto client = harness.client();
  client.send(HttpClient::text_of("POST", path, R"({"directory":"/b"})"));
  begun.get_future().wait();

  EXPECT_EQ(harness.client().request("POST", "/api/events", event_json()).status, 201U);
  finish(std::uint64_t{1});

  EXPECT_EQ(client.read_answer().status, 201U);
}

TEST(HttpBackupTest, RefusesWhatIsNoAbsolutePathWithoutAskingTheStore) {
  HttpHarness harness{answering([](const std::string&) -> Result<std::uint64_t> {
    ADD_FAILURE() << "the store was asked";
    return Errc::io;
  })};
  auto client = harness.client();

  for (const auto* body : {R"({"directory":"backups/a"})", R"({"directory":""})",
                           R"({"directory":7})", R"({"directory":"/a\u0000b"})", "{}", "[]"}) {
    const auto answer = client.request("POST", path, body);
    EXPECT_EQ(answer.status, 400U) << body;
    EXPECT_EQ(answer.at("/code"), "invalid_body") << body;
  }
  EXPECT_EQ(client.request("POST", path, "{").at("/code"), "malformed_json");
  EXPECT_EQ(client.request("POST", path, "x", "Content-Type: text/plain\r\n").status, 415U);
  EXPECT_EQ(client.get(path).status, 405U);
}

TEST(HttpBackupTest, SaysWhyThereIsNoBackup) {
  struct Case {
    Error error;
    unsigned status;
    const char* code;
  };
  const std::vector<Case> cases{
      {{Errc::locked, "another one"}, 409, "backup_running"},
      {{Errc::invalid_argument, "is not empty"}, 400, "invalid_body"},
      {{Errc::unsupported, "use pg_dump"}, 400, "not_supported"},
      {{Errc::io, "the disk is full"}, 503, "unavailable"},
  };
  for (const auto& expected : cases) {
    HttpHarness harness{
        answering([&](const std::string&) -> Result<std::uint64_t> { return expected.error; })};

    const auto answer = harness.client().request("POST", path, R"({"directory":"/b"})");

    EXPECT_EQ(answer.status, expected.status);
    EXPECT_EQ(answer.at("/code"), expected.code);
    EXPECT_THAT(answer.at("/error"), HasSubstr(expected.error.message));
  }
}

TEST(HttpBackupTest, IsRefusedWhereNobodyCanMakeOne) {
  HttpHarness harness;

  const auto answer = harness.client().request("POST", path, R"({"directory":"/b"})");

  EXPECT_EQ(answer.status, 400U);
  EXPECT_EQ(answer.at("/code"), "not_supported");
}

}  // namespace
}  // namespace carillon::net
