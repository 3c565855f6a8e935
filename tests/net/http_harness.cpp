#include "tests/net/http_harness.hpp"

#include "carillon/engine/broadcaster.hpp"
#include "tests/support/events.hpp"

#include <simdjson.h>

#include <stdexcept>
#include <utility>

namespace carillon::net {

std::string HttpAnswer::header(std::string_view name) const {
  std::string lines = head;
  for (auto& c : lines)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  std::string wanted = "\r\n" + std::string{name} + ": ";
  for (auto& c : wanted)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto found = lines.find(wanted);
  if (found == std::string::npos) return {};
  const auto begin = found + wanted.size();
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

std::string HttpAnswer::at(std::string_view path) const {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  if (parser.parse(body).at_pointer(path).get(element) != simdjson::SUCCESS) return "(none)";
  std::string_view text;
  if (element.get_string().get(text) == simdjson::SUCCESS) return std::string{text};
  return simdjson::minify(element);
}

HttpAnswer HttpClient::read_answer(bool has_body) {
  HttpAnswer answer;
  answer.head = read_until("\r\n\r\n");
  answer.status = static_cast<unsigned>(std::stoul(answer.head.substr(9, 3)));
  const auto length = answer.header("Content-Length");
  if (has_body && !length.empty()) answer.body = read(std::stoul(length));
  return answer;
}

HttpAnswer HttpClient::request(std::string_view method,
                               std::string_view target,
                               std::string_view body,
                               std::string_view headers) {
  send(text_of(method, target, body, headers));
  return read_answer(method != "HEAD");
}

std::string HttpClient::text_of(std::string_view method,
                                std::string_view target,
                                std::string_view body,
                                std::string_view headers) {
  std::string text{method};
  text += ' ';
  text += target;
  text += " HTTP/1.1\r\nHost: localhost\r\n";
  text += headers;
  if (!body.empty()) {
    if (headers.find("Content-Type:") == std::string_view::npos)
      text += "Content-Type: application/json\r\n";
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  text += "\r\n";
  text += body;
  return text;
}

HttpHarness::HttpHarness() : HttpHarness{ServerOptions{}} {
}

HttpHarness::HttpHarness(ServerOptions options,
                         engine::Options engine_options,
                         engine::ShardIndex shards)
    : threads_{shards} {
  engine_options.shards = threads_.shards();
  engine_options.waker = &threads_;
  broadcaster_ = *engine::Broadcaster::create(engine_options, &store);
  options.port = 0;
  if (options.local_user.is_nil()) options.local_user = testing::user(1);
  options.version = "test";
  auto server = Server::create(options, threads_, *broadcaster_, store);
  if (!server) throw std::runtime_error{server.error().text()};
  server_ = *std::move(server);
}

HttpHarness::~HttpHarness() {
  server_->drain();
  threads_.stop();
  broadcaster_->stop();
  store.stop();
}

HttpClient HttpHarness::client() const {
  return HttpClient{server_->port()};
}

std::string event_json(std::string_view description, std::string_view more) {
  return R"({"category":"pattern","action":"deploy","severity":"success","description":")" +
         std::string{description} + "\"" + std::string{more} + "}";
}

}  // namespace carillon::net
