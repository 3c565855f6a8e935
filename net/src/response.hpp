#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace carillon::net {

inline constexpr std::string_view json_type = "application/json";
inline constexpr std::string_view ndjson_type = "application/x-ndjson";
inline constexpr std::string_view error_type = "application/json; charset=utf-8";

/// What a handler answers. The connection adds what every response carries.
struct Response {
  unsigned status = 200;
  std::string_view content_type;  ///< a literal; empty without a body
  std::string headers;            ///< whole lines, each ended by CRLF
  std::string body;
};

/// The same, borrowed: an acknowledged event's JSON goes out without a copy.
struct ResponseView {
  unsigned status = 200;
  std::string_view content_type;
  std::string_view headers;
  std::string_view body;

  ResponseView() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a view of a value, as string_view is
  ResponseView(const Response& response) noexcept
      : status{response.status},
        content_type{response.content_type},
        headers{response.headers},
        body{response.body} {}
};

/// What depends on the request and the connection instead of the handler.
struct ResponseFrame {
  bool head = false;   ///< the request was HEAD: no body, but its length
  bool http11 = true;  ///< the request's version
  bool close = false;  ///< the connection ends with this response
};

/// Appends a whole HTTP/1.1 response. `common` holds the lines of the Server and
/// Date headers.
void append_response(std::string& out,
                     const ResponseView& response,
                     const ResponseFrame& frame,
                     std::string_view common);

/// Appends the head of a 200 whose body follows in pieces: chunked, or to HTTP/1.0 up to
/// the end of the connection. `headers` as in Response.
void append_stream_head(std::string& out,
                        std::string_view content_type,
                        std::string_view headers,
                        const ResponseFrame& frame,
                        std::string_view common);
/// Appends one chunk of a chunked body; `text` is not empty.
void append_chunk(std::string& out, std::string_view text);

[[nodiscard]] std::string_view reason_phrase(unsigned status) noexcept;

/// `Date: Sun, 06 Nov 1994 08:49:37 GMT` for seconds since 1970, with CRLF.
[[nodiscard]] std::string date_header(std::int64_t unix_seconds);

}  // namespace carillon::net
