#pragma once

#include <boost/beast/http/basic_parser.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace carillon::loadgen {

/// Reads HTTP/1.1 responses one after the other; bodies may be of known length,
/// chunked, or end with the connection.
class ResponseReader {
 public:
  /// Gets the pieces of bodies, without their chunks' heads.
  using OnBody = std::function<void(std::string_view)>;

  explicit ResponseReader(OnBody on_body) : on_body_{std::move(on_body)} { begin(); }

  /// Forgets the response before: what comes next begins with a status line.
  void begin();

  /// Returns how many bytes of `bytes` it took: fewer than all if the response
  /// ends there, or if its head goes on in bytes to come. Throws
  /// std::runtime_error for what is no HTTP.
  [[nodiscard]] std::size_t feed(std::string_view bytes);

  /// Feeds response after response. `on_response(status, keep_alive)` hears the end of
  /// each, and returns whether to go on. Returns and throws as feed().
  template <class OnResponse>
  [[nodiscard]] std::size_t feed_all(std::string_view bytes, OnResponse&& on_response) {
    std::size_t taken = 0;
    while (taken < bytes.size()) {
      taken += feed(bytes.substr(taken));
      if (!done()) break;
      const auto ended_with = status();
      const bool goes_on = keep_alive();
      begin();
      if (!on_response(ended_with, goes_on)) break;
    }
    return taken;
  }

  [[nodiscard]] bool head_done() const { return parser_->is_header_done(); }
  [[nodiscard]] bool done() const { return parser_->is_done(); }
  [[nodiscard]] unsigned status() const { return parser_->status; }
  [[nodiscard]] const std::string& accept_key() const { return parser_->accept_key; }
  [[nodiscard]] bool keep_alive() const { return parser_->keep_alive(); }

 private:
  class Parser final : public boost::beast::http::basic_parser<false> {
   public:
    explicit Parser(const OnBody& on_body) : on_body_{on_body} {}
    unsigned status = 0;
    std::string accept_key;  // of Sec-WebSocket-Accept

   private:
    using Verb = boost::beast::http::verb;
    using Field = boost::beast::http::field;
    using Text = boost::beast::string_view;
    using Error = boost::beast::error_code;
    using Length = boost::optional<std::uint64_t>;

    void on_request_impl(Verb, Text, Text, int, Error&) override {}
    void on_response_impl(int code, Text, int, Error&) override {
      status = static_cast<unsigned>(code);
    }
    void on_field_impl(Field name, Text, Text value, Error&) override {
      if (name == Field::sec_websocket_accept) accept_key.assign(value.data(), value.size());
    }
    void on_header_impl(Error&) override {}
    void on_body_init_impl(const Length&, Error&) override {}
    std::size_t on_body_impl(Text body, Error&) override { return take(body); }
    void on_chunk_header_impl(std::uint64_t, Text, Error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, Text body, Error&) override { return take(body); }
    void on_finish_impl(Error&) override {}

    std::size_t take(Text body) {
      on_body_({body.data(), body.size()});
      return body.size();
    }

    const OnBody& on_body_;
  };

  OnBody on_body_;
  std::optional<Parser> parser_;
};

}  // namespace carillon::loadgen
