#include "net/src/request_parser.hpp"

#include <algorithm>
#include <limits>

namespace carillon::net {
namespace {

std::string_view to_std(beast::string_view text) noexcept {
  return {text.data(), text.size()};
}

Method to_method(http::verb verb) noexcept {
  switch (verb) {
    case http::verb::get:
      return Method::get;
    case http::verb::head:
      return Method::head;
    case http::verb::post:
      return Method::post;
    case http::verb::put:
      return Method::put;
    case http::verb::delete_:
      return Method::remove;
    case http::verb::options:
      return Method::options;
    default:
      return Method::other;
  }
}

/// Why Beast, or one of our checks, refused the bytes.
std::string_view describe(http::error error) noexcept {
  switch (error) {
    case http::error::bad_method:
    case http::error::bad_target:
    case http::error::bad_version:
      return "The request line is not `METHOD target HTTP/1.1` (or HTTP/1.0).";
    case http::error::bad_content_length:
    case http::error::multiple_content_length:
      return "Content-Length must be given once, as a number, and not beside Transfer-Encoding.";
    case http::error::bad_transfer_encoding:
      return "Transfer-Encoding must be `chunked`, once, in HTTP/1.1, without Content-Length.";
    case http::error::bad_chunk:
    case http::error::bad_chunk_extension:
      return "The chunked body is malformed: each chunk is its size in hexadecimal, CRLF, that "
             "many bytes, CRLF.";
    default:
      return "A header is malformed: each is `Name: value`, ended by CRLF.";
  }
}

}  // namespace

RequestParser::RequestParser(Request& request, std::size_t header_bytes_max)
    : request_{request}, header_bytes_max_{header_bytes_max} {
  request_.clear();
  // Ours is exact; Beast's must only not be stricter, by what it looks ahead.
  constexpr std::size_t margin = 16;
  header_limit(static_cast<std::uint32_t>(header_bytes_max + margin));
  body_limit(boost::none);  // the limit depends on the route: keep() enforces it
}

ParseStep RequestParser::feed(std::string_view& data) {
  // Beast asserts that it has a whole last chunk; no shorter input can be one.
  constexpr std::size_t last_chunk_bytes = 5;
  if (data.empty()) return ParseStep::needs_more;
  if (header_reported_ && chunked_ && chunk_left_ == 0 && data.size() < last_chunk_bytes)
    return ParseStep::needs_more;

  error_code ec;
  const auto used = put(asio::const_buffer{data.data(), data.size()}, ec);
  data.remove_prefix(used);
  if (!header_reported_) header_bytes_ += used;
  if (ec == http::error::need_more) {
    // What is parsed and what waits to be: however the pieces were cut.
    if (header_bytes_ + data.size() <= header_bytes_max_) return ParseStep::needs_more;
    if (!header_reported_) return failed(http::error::header_limit);
    if (data.size() < header_bytes_max_) return ParseStep::needs_more;
    return failed(http::error::bad_chunk);
  }
  if (ec) return failed(ec);
  if (!header_reported_) {
    if (header_bytes_ > header_bytes_max_) return failed(http::error::header_limit);
    header_reported_ = true;
    return ParseStep::header_done;
  }
  return is_done() ? ParseStep::done : ParseStep::progress;
}

ParseStep RequestParser::failed(error_code ec) noexcept {
  if (ec == http::error::header_limit) return ParseStep::header_too_big;
  if (ec == http::error::body_limit) return ParseStep::body_too_big;
  fault_ = describe(static_cast<http::error>(ec.value()));
  return ParseStep::bad_framing;
}

void RequestParser::limit_body(std::size_t keep, std::size_t discard) noexcept {
  keep_max_ = keep;
  discard_max_ = discard;
  // Only a claim so far: what it reserves at once is small.
  constexpr std::uint64_t reserved_max = std::uint64_t{64} * 1024;
  if (declared_ > keep_max_) {
    keep_max_ = 0;  // thrown away from the first byte on
  } else {
    request_.body.reserve(std::min(declared_, reserved_max));
  }
}

void RequestParser::keep_body() noexcept {
  keep_max_ = std::numeric_limits<std::size_t>::max();
  discard_max_ = keep_max_;
}

void RequestParser::on_request_impl(
    http::verb method, beast::string_view, beast::string_view target, int version, error_code&) {
  request_.method = to_method(method);
  request_.http11 = version == 11;
  request_.set_target(to_std(target));
}

void RequestParser::on_field_impl(http::field field,
                                  beast::string_view name,
                                  beast::string_view value,
                                  error_code& ec) {
  if (header_reported_) return charge_trailer(name.size() + value.size() + 4, ec);
  if (field == http::field::content_length) {
    const auto digits = to_std(value);
    const bool number =
        std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!number || ++content_lengths_ > 1) ec = http::error::multiple_content_length;
  }
  if (field == http::field::transfer_encoding) {
    chunked_ = equal_ignoring_case(trim(to_std(value)), "chunked");
    if (!chunked_) ec = http::error::bad_transfer_encoding;
  }
  request_.add_header(to_std(name), to_std(value));
}

void RequestParser::on_header_impl(error_code& ec) {
  if (chunked_ && !request_.http11) {
    ec = http::error::bad_transfer_encoding;
    return;
  }
  request_.keep_alive = keep_alive();
  if (content_lengths_ > 0) {
    declared_ = 0;
    for (const char digit : request_.header("Content-Length"))
      declared_ = declared_ * 10 + static_cast<std::uint64_t>(digit - '0');
  }
}

std::size_t RequestParser::on_body_impl(beast::string_view body, error_code& ec) {
  keep(to_std(body), ec);
  return body.size();
}

void RequestParser::on_chunk_header_impl(std::uint64_t size, beast::string_view, error_code&) {
  chunk_left_ = size;
}

std::size_t RequestParser::on_chunk_body_impl(std::uint64_t,
                                              beast::string_view body,
                                              error_code& ec) {
  chunk_left_ -= body.size();
  keep(to_std(body), ec);
  return body.size();
}

/// A trailer is thrown away, and counts against what the header left.
void RequestParser::charge_trailer(std::size_t bytes, error_code& ec) noexcept {
  header_bytes_ += bytes;
  if (header_bytes_ > header_bytes_max_) ec = http::error::header_limit;
}

void RequestParser::keep(std::string_view body, error_code& ec) {
  body_bytes_ += body.size();
  if (body_bytes_ <= keep_max_) {
    request_.body.append(body);
  } else {
    request_.body_cut = true;
    request_.body.clear();
    if (body_bytes_ > discard_max_) ec = http::error::body_limit;
  }
}

}  // namespace carillon::net
