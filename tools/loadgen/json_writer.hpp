#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon::loadgen {

/// Writes one JSON document, member by member.
class JsonWriter {
 public:
  void begin(std::string_view name = {}) { open(name, '{'); }
  void end() { out_ += '}'; }
  void begin_array(std::string_view name) { open(name, '['); }
  void end_array() { out_ += ']'; }

  void field(std::string_view name, std::string_view text) {
    put_name(name);
    put_text(text);
  }
  void field(std::string_view name, const char* text) { field(name, std::string_view{text}); }
  void field(std::string_view name, const std::string& text) {
    field(name, std::string_view{text});
  }
  void field(std::string_view name, std::same_as<bool> auto value) {
    put_name(name);
    out_ += value ? "true" : "false";
  }
  void field(std::string_view name,
             std::integral auto value) requires(!std::same_as<decltype(value), bool>) {
    put_name(name);
    out_ += fmt::format("{}", value);
  }
  void field(std::string_view name, std::floating_point auto value) {
    put_name(name);
    out_ += fmt::format("{:.6g}", value);
  }
  void strings(std::string_view name, const std::vector<std::string>& texts) {
    begin_array(name);
    for (const auto& text : texts) {
      put_comma();
      put_text(text);
    }
    end_array();
  }
  /// An element of an array that is JSON already.
  void element(std::string_view json) {
    put_comma();
    out_ += json;
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void put_comma() {
    if (!out_.empty() && out_.back() != '{' && out_.back() != '[') out_ += ',';
  }
  void put_name(std::string_view name) {
    put_comma();
    if (name.empty()) return;
    put_text(name);
    out_ += ':';
  }
  void open(std::string_view name, char bracket) {
    put_name(name);
    out_ += bracket;
  }
  void put_text(std::string_view text) {
    out_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        out_ += '\\';
        out_ += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        out_ += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }

  std::string out_;
};

}  // namespace carillon::loadgen
