#include "tests/net/lines_client.hpp"

#include <cstdio>

namespace carillon::net {

void LinesClient::begin(std::string_view headers, std::string_view target) {
  HttpClient::send("POST " + std::string{target} +
                   " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
                   "Transfer-Encoding: chunked\r\n" +
                   std::string{headers} + "\r\n");
}

void LinesClient::end() {
  HttpClient::send("0\r\n\r\n");
}

HttpAnswer LinesClient::read_head() {
  HttpAnswer answer;
  answer.head = read_until("\r\n\r\n");
  answer.status = static_cast<unsigned>(std::stoul(answer.head.substr(9, 3)));
  return answer;
}

HttpAnswer LinesClient::read_line() {
  HttpAnswer line;
  while (lines_.find('\n') == std::string::npos) {
    const auto size = std::stoul(read_until("\r\n"), nullptr, 16);
    lines_ += read(size);
    EXPECT_EQ(read(2), "\r\n");
    if (size == 0) return line;
  }
  const auto end = lines_.find('\n') + 1;
  line.body = lines_.substr(0, end);
  lines_.erase(0, end);
  return line;
}

std::vector<std::string> LinesClient::read_lines() {
  std::vector<std::string> lines;
  for (auto line = read_line(); !line.body.empty(); line = read_line())
    lines.push_back(line.body);
  return lines;
}

std::vector<std::string> LinesClient::post(std::string_view body, std::string_view headers) {
  HttpClient::send(text_of("POST", "/api/events/batch", body,
                           "Content-Type: application/x-ndjson\r\n" + std::string{headers}));
  EXPECT_EQ(read_head().status, 200U);
  return read_lines();
}

std::string LinesClient::chunk_of(std::string_view text) {
  std::string size(16, '\0');
  size.resize(static_cast<std::size_t>(std::snprintf(size.data(), 16, "%zx", text.size())));
  return size + "\r\n" + std::string{text} + "\r\n";
}

LinesClient HttpLinesTest::client_of(const HttpHarness& harness) {
  return LinesClient{harness.port()};
}

std::string HttpLinesTest::total(const HttpHarness& harness) {
  return harness.client().get("/api/events/list").at("/totalCount");
}

std::string at(std::string_view line, std::string_view path) {
  HttpAnswer answer;
  answer.body = line;
  return answer.at(path);
}

}  // namespace carillon::net
