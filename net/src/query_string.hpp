#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::net {

/// The decoded parameters of a request's query, in their order.
class QueryString {
 public:
  struct Parameter {
    std::string name;
    std::string value;
  };

  QueryString() = default;
  /// `nullopt` if an escape is broken or the result is not UTF-8.
  [[nodiscard]] static std::optional<QueryString> parse(std::string_view text);

  /// First value of that name that is not empty. An empty one asks nothing:
  /// forms and Meshery's UI send `search=` for "no search".
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
  /// How often it is given, empty ones aside.
  [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
  [[nodiscard]] const std::vector<Parameter>& parameters() const noexcept { return parameters_; }

 private:
  std::vector<Parameter> parameters_;
};

/// `%41` and `+` decoded; `nullopt` if an escape is broken.
[[nodiscard]] std::optional<std::string> decode_query_component(std::string_view text);

}  // namespace carillon::net
