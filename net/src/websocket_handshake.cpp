#include "net/src/websocket_handshake.hpp"

#include "net/src/assert.hpp"
#include "net/src/error_envelope.hpp"

#include <boost/beast/websocket.hpp>

#include <algorithm>
#include <utility>

namespace carillon::net {
namespace {

namespace websocket = beast::websocket;

/// The layer under Beast's stream while it answers an upgrade: keeps what is written.
class AnswerStream {
 public:
  using executor_type = tcp::socket::executor_type;

  AnswerStream(executor_type executor, std::string& answer) noexcept
      : executor_{std::move(executor)}, answer_{answer} {}

  [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }

  template <class Buffers>
  std::size_t write_some(const Buffers& buffers, error_code& error) {
    error = {};
    const std::size_t before = answer_.size();
    for (auto part = asio::buffer_sequence_begin(buffers);
         part != asio::buffer_sequence_end(buffers); ++part) {
      const asio::const_buffer buffer{*part};
      answer_.append(static_cast<const char*>(buffer.data()), buffer.size());
    }
    return answer_.size() - before;
  }
  template <class Buffers>
  std::size_t write_some(const Buffers& buffers) {
    error_code ignored;
    return write_some(buffers, ignored);
  }
  template <class Buffers>
  std::size_t read_some(const Buffers&, error_code& error) {
    error = asio::error::eof;
    return 0;
  }
  template <class Buffers>
  std::size_t read_some(const Buffers&) {
    return 0;
  }
  [[maybe_unused]] friend void teardown(beast::role_type, AnswerStream&, error_code& error) {
    error = {};
  }

 private:
  executor_type executor_;
  std::string& answer_;
};

bool has_token(beast::string_view field, beast::string_view token) {
  return http::token_list{field}.exists(token);
}

// 16 bytes in base64: 22 digits and two signs of padding.
bool is_websocket_key(beast::string_view key) {
  const auto is_digit = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
  };
  return key.size() == 24 && key.substr(22) == "==" &&
         std::all_of(key.begin(), key.begin() + 22, is_digit);
}

}  // namespace

std::optional<Response> refuse_upgrade(const http::request<http::string_body>& request) {
  const auto bad = [](std::string_view message) {
    return error_response(400, code::malformed_request, message);
  };
  if (request.method() != http::verb::get || request.version() < 11)
    return bad("A WebSocket is opened with GET and HTTP/1.1.");
  if (!has_token(request[http::field::connection], "upgrade") ||
      !has_token(request[http::field::upgrade], "websocket"))
    return bad("A WebSocket needs `Connection: Upgrade` and `Upgrade: websocket`.");
  if (request[http::field::sec_websocket_version] != "13") {
    auto response =
        error_response(426, code::malformed_request, "Sec-WebSocket-Version must be 13.");
    response.headers += "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    return response;
  }
  if (!is_websocket_key(request[http::field::sec_websocket_key]))
    return bad("Sec-WebSocket-Key must be 16 bytes in base64.");
  if (request.count(http::field::host) == 0) return bad("The field Host is missing.");
  return std::nullopt;
}

std::string accept_upgrade(const http::request<http::string_body>& request,
                           std::string_view server_name,
                           bool v1,
                           const tcp::socket::executor_type& executor) {
  std::string answer;
  websocket::stream<AnswerStream, false> stream{executor, answer};  // without permessage-deflate
  stream.write_buffer_bytes(8);                                     // the least that Beast takes
  stream.set_option(websocket::stream_base::decorator([&](websocket::response_type& response) {
    response.set(http::field::server, beast::string_view{server_name.data(), server_name.size()});
    if (v1)
      response.set(http::field::sec_websocket_protocol,
                   beast::string_view{carillon_v1.data(), carillon_v1.size()});
  }));
  error_code error;
  stream.accept(request, error);
  CARILLON_ASSERT(!error, "a request that refuse_upgrade() lets pass is one that Beast accepts");
  return answer;
}

bool offers_carillon_v1(const http::request<http::string_body>& request) {
  const auto offers = request.equal_range(http::field::sec_websocket_protocol);
  return std::any_of(offers.first, offers.second, [](const auto& field) {
    const http::token_list tokens{field.value()};
    return std::any_of(tokens.begin(), tokens.end(), [](beast::string_view token) {
      return token == beast::string_view{carillon_v1.data(), carillon_v1.size()};
    });
  });
}

}  // namespace carillon::net
