#include "net/src/response.hpp"

#include <array>
#include <charconv>
#include <ctime>

namespace carillon::net {
namespace {

void append_number(std::string& out, std::size_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

}  // namespace

std::string_view reason_phrase(unsigned status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

void append_response(std::string& out,
                     const ResponseView& response,
                     const ResponseFrame& frame,
                     std::string_view common) {
  constexpr std::size_t head_bytes_most = 320;
  out.reserve(out.size() + head_bytes_most + response.headers.size() + response.body.size());
  out += "HTTP/1.1 ";
  append_number(out, response.status);
  out += ' ';
  out += reason_phrase(response.status);
  out += "\r\n";
  out += common;
  if (!response.content_type.empty()) {
    out += "Content-Type: ";
    out += response.content_type;
    out += "\r\n";
  }
  out += response.headers;
  if (response.status != 204) {
    out += "Content-Length: ";
    append_number(out, response.body.size());
    out += "\r\n";
  }
  if (frame.close) {
    out += "Connection: close\r\n";
  } else if (!frame.http11) {
    out += "Connection: keep-alive\r\n";
  }
  out += "\r\n";
  if (!frame.head && response.status != 204) out += response.body;
}

void append_stream_head(std::string& out,
                        std::string_view content_type,
                        std::string_view headers,
                        const ResponseFrame& frame,
                        std::string_view common) {
  out += "HTTP/1.1 200 OK\r\n";
  out += common;
  out += "Content-Type: ";
  out += content_type;
  // A proxy in between would collect what is meant to be read while it comes.
  out += "\r\nX-Accel-Buffering: no\r\n";
  out += headers;
  if (frame.http11) out += "Transfer-Encoding: chunked\r\n";
  if (frame.close) out += "Connection: close\r\n";
  out += "\r\n";
}

void append_chunk(std::string& out, std::string_view text) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), text.size(), 16).ptr;
  out.append(digits.data(), end);
  out += "\r\n";
  out += text;
  out += "\r\n";
}

std::string date_header(std::int64_t unix_seconds) {
  const auto time = static_cast<std::time_t>(unix_seconds);
  std::tm utc{};
  gmtime_r(&time, &utc);
  // Not strftime's %a and %b: those follow the process's locale.
  static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::array<char, 32> rest{};
  const auto size = std::strftime(rest.data(), rest.size(), " %Y %H:%M:%S GMT\r\n", &utc);
  std::string header = "Date: ";
  header += days[static_cast<std::size_t>(utc.tm_wday)];
  header += utc.tm_mday < 10 ? ", 0" : ", ";
  append_number(header, static_cast<std::size_t>(utc.tm_mday));
  header += ' ';
  header += months[static_cast<std::size_t>(utc.tm_mon)];
  header.append(rest.data(), size);
  return header;
}

}  // namespace carillon::net
