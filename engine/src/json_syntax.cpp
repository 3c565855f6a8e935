// RFC 8259 syntax, checked without converting anything. simdjson's On-Demand
// parser does not look at values that nobody reads, and its DOM parser refuses
// numbers beyond a double; a publisher's metadata must be well-formed and kept
// as sent, whatever its numbers. So one pass of ours checks the grammar, and
// simdjson reads the fields.
#include "carillon/engine/event_parser.hpp"

#include <simdjson.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace carillon::engine {
namespace {

class SyntaxCheck {
 public:
  SyntaxCheck(std::string_view json, std::size_t levels_max)
      : json_{json}, levels_max_{levels_max} {}

  std::string run() {
    skip_space();
    while (fault_.empty()) {
      if (!value()) continue;     // an array or object was opened, or a fault
      if (!after_value()) break;  // the outermost value is complete
    }
    if (fault_.empty() && (skip_space(), at_ != json_.size())) fail("the end of the text");
    return fault_;
  }

 private:
  /// One value's start. True if the value is complete, false if it was opened.
  bool value() {
    skip_space();
    switch (peek()) {
      case '{':
        return open('}');
      case '[':
        return open(']');
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool open(char closing) {
    if (levels_ == levels_max_) {
      fault_ = "nested deeper than " + std::to_string(levels_max_) + " levels at byte " +
               std::to_string(at_);
      return false;
    }
    ++at_;
    closings_[levels_++] = closing;
    skip_space();
    if (peek() == closing) return close();
    if (closing == '}') static_cast<void>(member_name());
    return false;
  }

  bool close() {
    ++at_;
    --levels_;
    return true;
  }

  /// What may follow a complete value. False when nothing is open any more.
  bool after_value() {
    while (levels_ > 0) {
      skip_space();
      const char closing = closings_[levels_ - 1];
      if (peek() == closing) {
        close();
        continue;
      }
      if (peek() != ',') {
        fail(closing == '}' ? "',' or '}'" : "',' or ']'");
        return false;
      }
      ++at_;
      skip_space();
      if (closing == '}') static_cast<void>(member_name());
      return fault_.empty();
    }
    return false;
  }

  bool member_name() {
    if (peek() != '"') return fail("a member's name in quotes");
    if (!string()) return false;
    skip_space();
    if (peek() != ':') return fail("':'");
    ++at_;
    return true;
  }

  bool string() {
    for (++at_; skip_plain(), at_ < json_.size(); ++at_) {
      const auto c = static_cast<unsigned char>(json_[at_]);
      if (c == '"') return ++at_, true;
      if (c < 0x20) return fail("an escaped control character");
      if (c == '\\' && !escape()) return false;
    }
    return fail("the closing quote of a string");
  }

  /// Over sixteen or eight bytes at a time of which none ends the string or needs a look: most
  /// of a publisher's text is inside its strings.
  void skip_plain() {
#ifdef __SSE2__
    for (; json_.size() - at_ >= sizeof(__m128i); at_ += sizeof(__m128i)) {
      const auto text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(json_.data() + at_));
      const auto control = _mm_cmpeq_epi8(_mm_max_epu8(text, _mm_set1_epi8(0x1F)),
                                          _mm_set1_epi8(0x1F));  // unsigned: at most 0x1F
      const auto special = _mm_or_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8('"')),
                                        _mm_cmpeq_epi8(text, _mm_set1_epi8('\\')));
      const auto found =
          static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_or_si128(control, special)));
      if (found == 0) continue;
      at_ += static_cast<std::size_t>(std::countr_zero(found));
      return;
    }
#endif
    constexpr std::uint64_t ones = 0x0101010101010101U;
    constexpr std::uint64_t highs = 0x8080808080808080U;
    // The lowest high bit that is set is that of the first zero byte.
    const auto has_zero = [](std::uint64_t word) { return (word - ones) & ~word & highs; };
    for (; json_.size() - at_ >= sizeof(std::uint64_t); at_ += sizeof(std::uint64_t)) {
      std::uint64_t word = 0;
      std::memcpy(&word, json_.data() + at_, sizeof word);
      const auto control = (word - ones * 0x20U) & ~word & highs;
      const auto found = control | has_zero(word ^ (ones * '"')) | has_zero(word ^ (ones * '\\'));
      if (found == 0) continue;
      // A borrow makes a byte wrong only behind the first right one.
      if constexpr (std::endian::native == std::endian::little)
        at_ += static_cast<std::size_t>(std::countr_zero(found)) / 8;
      return;
    }
  }

  bool escape() {
    ++at_;
    constexpr std::string_view simple = "\"\\/bfnrt";
    if (simple.find(peek()) != std::string_view::npos && at_ < json_.size()) return true;
    if (peek() != 'u') return fail("a valid escape after '\\'");
    for (int i = 0; i < 4; ++i) {
      ++at_;
      constexpr std::string_view hex = "0123456789abcdefABCDEF";
      if (at_ >= json_.size() || hex.find(json_[at_]) == std::string_view::npos)
        return fail("four hexadecimal digits after '\\u'");
    }
    return true;
  }

  bool word(std::string_view expected) {
    if (json_.substr(at_, expected.size()) != expected) return fail("a JSON value");
    at_ += expected.size();
    return true;
  }

  bool number() {
    const auto begin = at_;
    if (peek() == '-') ++at_;
    if (peek() == '0') {
      ++at_;
    } else if (!digits()) {
      at_ = begin;
      return fail("a JSON value");
    }
    if (peek() == '.') {
      ++at_;
      if (!digits()) return fail("a digit after the decimal point");
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits()) return fail("a digit in the exponent");
    }
    return true;
  }

  bool digits() {
    const auto begin = at_;
    while (peek() >= '0' && peek() <= '9')
      ++at_;
    return at_ != begin;
  }

  [[nodiscard]] char peek() const {
    return at_ < json_.size() ? json_[at_] : '\0';
  }

  void skip_space() {
    while (at_ < json_.size() &&
           (json_[at_] == ' ' || json_[at_] == '\n' || json_[at_] == '\r' || json_[at_] == '\t'))
      ++at_;
  }

  bool fail(std::string_view expected) {
    fault_ = "expected " + std::string{expected} + " at byte " + std::to_string(at_);
    if (at_ >= json_.size()) fault_ += ", where the text ends";
    return false;
  }

  std::string_view json_;
  std::size_t levels_max_;
  std::size_t at_ = 0;
  std::size_t levels_ = 0;
  std::array<char, 1024> closings_;  // set below levels_; clearing 1 KiB would cost each text
  std::string fault_;
};

/// Offset of the first sequence that is not UTF-8; there is one.
std::size_t utf8_fault_at(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto first = static_cast<unsigned char>(text[at]);
    const std::size_t announced = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    const auto bytes = std::min(announced, text.size() - at);
    if (bytes > 1 && !simdjson::validate_utf8(text.data() + at, bytes)) break;
    if (bytes == 1 && first >= 0x80) break;
    at += bytes;
  }
  return at;
}

}  // namespace

std::string check_json(std::string_view json, std::size_t levels_max) {
  // Some editors put one in front of a file. It is not to be sent (RFC 8259, section 8.1).
  if (json.starts_with("\xEF\xBB\xBF"))
    return "a byte order mark (EF BB BF) stands before the text, at byte 0";
  if (!simdjson::validate_utf8(json.data(), json.size()))
    return "not UTF-8 at byte " + std::to_string(utf8_fault_at(json));
  return SyntaxCheck{json, std::min<std::size_t>(levels_max, 1024)}.run();
}

}  // namespace carillon::engine
