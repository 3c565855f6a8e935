#pragma once

#include "tests/net/http_harness.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace carillon::net {

/// A client that sends a batch as a stream of lines and reads results meanwhile.
class LinesClient : public HttpClient {
 public:
  using HttpClient::HttpClient;

  void begin(std::string_view headers = {}, std::string_view target = "/api/events/batch");
  void send_chunk(std::string_view text) { HttpClient::send(chunk_of(text)); }
  void end();

  /// The head of the answer; then read_line() gives the results.
  HttpAnswer read_head();
  /// A result as a JSON body; empty at the end of the answer.
  HttpAnswer read_line();
  std::vector<std::string> read_lines();
  /// A whole stream with its length told, and all results.
  std::vector<std::string> post(std::string_view body, std::string_view headers = {});

  static std::string chunk_of(std::string_view text);

 private:
  std::string lines_;
};

class HttpLinesTest : public ::testing::Test {
 protected:
  static LinesClient client_of(const HttpHarness& harness);
  static std::string total(const HttpHarness& harness);
};

/// A member of a line by its path, as HttpAnswer::at() gives it.
std::string at(std::string_view line, std::string_view path);

}  // namespace carillon::net
