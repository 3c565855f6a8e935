#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::loadgen {

/// What a template may speak of.
struct TemplateValues {
  std::string_view user{};       ///< `{{user}}`: the user's UUID
  std::uint64_t user_index = 0;  ///< `{{user_index}}`: 0, 1, 2, …
  std::uint64_t connection = 0;  ///< `{{connection}}`: index of the connection that sends
  std::uint64_t number = 0;      ///< `{{number}}`: place of the event on its connection
  std::string_view stamp{};      ///< `{{stamp}}`: what receivers look for (stamp.hpp)
  std::string_view cursor{};     ///< `{{cursor}}`: what the receiver has seen last
  std::string_view padding{};    ///< `{{padding}}`: as many bytes as `--payload` says
};

/// Text with placeholders in double braces, such as `{"owner":"{{user}}"}`:
/// one brace is one of JSON's. `{{hex:0d0a}}` stands for those bytes, for protocols
/// that are no text.
class TextTemplate {
 public:
  /// Throws std::invalid_argument that names the place and what would be right.
  explicit TextTemplate(std::string_view text);

  void append_to(std::string& out, const TemplateValues& values) const;
  [[nodiscard]] std::string render(const TemplateValues& values) const;
  [[nodiscard]] bool uses(std::string_view placeholder) const;

 private:
  enum class Part : std::uint8_t {
    user,
    user_index,
    connection,
    number,
    stamp,
    cursor,
    padding,
    literal,
  };
  struct Piece {
    Part part;
    std::string text;  // of a literal
  };
  static Part part_named(std::string_view name);

  std::vector<Piece> pieces_;
};

}  // namespace carillon::loadgen
