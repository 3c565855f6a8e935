#include "net/src/request.hpp"

#include "net/src/trim_memory.hpp"

#include <algorithm>

namespace carillon::net {
namespace {

constexpr std::size_t kept_body_bytes = std::size_t{16} * 1024;

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(),
                    [](char a, char b) { return a == b || lower(a) == lower(b); });
}

std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view white = " \t";
  const auto begin = text.find_first_not_of(white);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white) - begin + 1);
}

void Request::clear() noexcept {
  method = Method::other;
  http11 = true;
  keep_alive = true;
  body_cut = false;
  // A connection that once sent a large event must not keep its memory for good.
  if (body.capacity() > kept_body_bytes) std::string{}.swap(body);
  body.clear();
  text_.clear();
  target_ = {};
  headers_.clear();
}

std::size_t Request::fit() {
  trim_memory(body);
  trim_memory(text_);
  trim_memory(headers_);
  return body.size() + text_.size() + headers_.size() * sizeof(Header);
}

Request::Piece Request::store(std::string_view text) {
  const Piece piece{static_cast<std::uint32_t>(text_.size()),
                    static_cast<std::uint32_t>(text.size())};
  text_.append(text);
  return piece;
}

void Request::set_target(std::string_view target) {
  const auto scheme = target.find("://");
  if (!target.starts_with('/') && scheme != std::string_view::npos) {
    const auto path = target.find_first_of("/?", scheme + 3);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  target_ = store(target);
}

void Request::add_header(std::string_view name, std::string_view value) {
  const auto stored_name = store(name);
  headers_.push_back({stored_name, store(value)});
}

std::string_view Request::path() const noexcept {
  return target().substr(0, target().find('?'));
}

std::string_view Request::query() const noexcept {
  const auto mark = target().find('?');
  return mark == std::string_view::npos ? std::string_view{} : target().substr(mark + 1);
}

std::string_view Request::header(std::string_view name) const noexcept {
  for (const auto& header : headers_)
    if (equal_ignoring_case(view(header.name), name)) return view(header.value);
  return {};
}

bool Request::has_header(std::string_view name) const noexcept {
  return count_headers(name) > 0;
}

std::size_t Request::count_headers(std::string_view name) const noexcept {
  return static_cast<std::size_t>(std::count_if(
      headers_.begin(), headers_.end(),
      [&](const Header& header) { return equal_ignoring_case(view(header.name), name); }));
}

bool Request::header_has_token(std::string_view name, std::string_view token) const noexcept {
  for (const auto& header : headers_) {
    if (!equal_ignoring_case(view(header.name), name)) continue;
    auto rest = view(header.value);
    while (!rest.empty()) {
      const auto comma = std::min(rest.find(','), rest.size());
      if (equal_ignoring_case(trim(rest.substr(0, comma)), token)) return true;
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return false;
}

std::string Request::joined_header(std::string_view name) const {
  std::string joined;
  for (const auto& header : headers_) {
    if (!equal_ignoring_case(view(header.name), name)) continue;
    if (!joined.empty()) joined += ", ";
    joined += view(header.value);
  }
  return joined;
}

}  // namespace carillon::net
