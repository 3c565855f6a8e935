#pragma once

#include "net/src/asio.hpp"
#include "net/src/request.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace carillon::net {

/// What feeding bytes to the parser led to.
enum class ParseStep : std::uint8_t {
  progress,        ///< consumed something; go on with the rest
  needs_more,      ///< nothing more to do with these bytes alone
  header_done,     ///< once for each request: say what its body may be, then go on
  done,            ///< the request is complete
  bad_framing,     ///< where the next request begins is unknown
  header_too_big,  ///<
  body_too_big,    ///< more than even thrown away bodies may have
};

/// Reads one request into a reused Request. Beast's incremental parser does the
/// protocol; this adds what it lets pass: the header in one budget (every byte from the
/// method to the empty line, these included; empty lines before it are not), exactly one
/// Content-Length, no Transfer-Encoding but chunked, a body limit per route.
class RequestParser final : private http::basic_parser<true> {
 public:
  /// `request` is cleared and must outlive the parser.
  RequestParser(Request& request, std::size_t header_bytes_max);

  /// Consumes from the front of `data`, which it advances.
  [[nodiscard]] ParseStep feed(std::string_view& data);

  /// After `header_done`: keep a body of up to `keep` bytes; throw a longer one
  /// away and set Request::body_cut, unless it exceeds `discard`.
  void limit_body(std::size_t keep, std::size_t discard) noexcept;
  /// After `header_done`, instead: keep all of a body, which the caller takes out of
  /// Request::body as it comes.
  void keep_body() noexcept;
  /// Declared by Content-Length; 0 if chunked or without a body.
  [[nodiscard]] std::uint64_t declared_body_bytes() const noexcept { return declared_; }
  [[nodiscard]] bool is_header_done() const noexcept { return header_reported_; }
  [[nodiscard]] bool expects_body() const noexcept { return chunked_ || declared_ > 0; }
  [[nodiscard]] bool is_complete() const noexcept { return is_done(); }
  /// What was wrong, for a person; after bad_framing.
  [[nodiscard]] std::string_view fault() const noexcept { return fault_; }

 private:
  void on_request_impl(http::verb method,
                       beast::string_view method_text,
                       beast::string_view target,
                       int version,
                       error_code& ec) override;
  void on_response_impl(int, beast::string_view, int, error_code&) override {}
  void on_field_impl(http::field field,
                     beast::string_view name,
                     beast::string_view value,
                     error_code& ec) override;
  void on_header_impl(error_code& ec) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, error_code& ec) override;
  void on_chunk_header_impl(std::uint64_t size, beast::string_view, error_code&) override;
  std::size_t on_chunk_body_impl(std::uint64_t remain,
                                 beast::string_view body,
                                 error_code& ec) override;
  void on_finish_impl(error_code&) override {}

  void charge_trailer(std::size_t bytes, error_code& ec) noexcept;
  void keep(std::string_view body, error_code& ec);
  [[nodiscard]] ParseStep failed(error_code ec) noexcept;

  Request& request_;
  std::size_t header_bytes_max_;
  std::size_t header_bytes_ = 0;
  std::uint64_t declared_ = 0;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t chunk_left_ = 0;
  std::size_t keep_max_ = 0;
  std::size_t discard_max_ = 0;
  std::uint32_t content_lengths_ = 0;
  bool chunked_ = false;
  bool header_reported_ = false;
  std::string_view fault_;
};

}  // namespace carillon::net
