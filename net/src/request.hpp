#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::net {

enum class Method : std::uint8_t { get, head, post, put, remove, options, other };

/// ASCII case folded, as HTTP compares names and tokens.
[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept;
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

/// One parsed request. Reused from request to request: clear() keeps the memory.
class Request {
 public:
  void clear() noexcept;
  /// While the rest is waited for: gives back memory that it has no use for now. Returns
  /// how many bytes it holds.
  [[nodiscard]] std::size_t fit();

  Method method = Method::other;
  bool http11 = true;
  bool keep_alive = true;
  std::string body;       ///< as much as the route may have
  bool body_cut = false;  ///< the body was longer and was thrown away

  void set_target(std::string_view target);
  void add_header(std::string_view name, std::string_view value);

  /// As sent, with query; an absolute-form target's scheme and host removed.
  [[nodiscard]] std::string_view target() const noexcept { return view(target_); }
  [[nodiscard]] std::string_view path() const noexcept;
  [[nodiscard]] std::string_view query() const noexcept;  ///< behind the '?', maybe empty

  /// Value of the first header of that name; empty if there is none.
  [[nodiscard]] std::string_view header(std::string_view name) const noexcept;
  [[nodiscard]] bool has_header(std::string_view name) const noexcept;
  [[nodiscard]] std::size_t count_headers(std::string_view name) const noexcept;
  /// Whether a comma-separated header (all of that name) holds this token.
  [[nodiscard]] bool header_has_token(std::string_view name, std::string_view token) const noexcept;
  /// All values of that name, joined as the RFC allows.
  [[nodiscard]] std::string joined_header(std::string_view name) const;

  [[nodiscard]] std::size_t header_count() const noexcept { return headers_.size(); }
  [[nodiscard]] std::string_view header_name(std::size_t i) const noexcept {
    return view(headers_[i].name);
  }
  [[nodiscard]] std::string_view header_value(std::size_t i) const noexcept {
    return view(headers_[i].value);
  }

 private:
  // Places in text_, which may move while it grows.
  struct Piece {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  struct Header {
    Piece name;
    Piece value;
  };

  Piece store(std::string_view text);
  [[nodiscard]] std::string_view view(Piece piece) const noexcept {
    return std::string_view{text_}.substr(piece.begin, piece.size);
  }

  std::string text_;
  Piece target_;
  std::vector<Header> headers_;
};

}  // namespace carillon::net
