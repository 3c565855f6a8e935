#include "tools/loadgen/duration_option.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace carillon::loadgen {
namespace {

// "500ms", "10s", "2min": a number with its unit, as in carillond.
std::chrono::milliseconds parse_duration(const std::string& text) {
  double number = 0.0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit{rest, static_cast<std::size_t>(text.data() + text.size() - rest)};
  const double factor = unit == "ms"    ? 1.0
                        : unit == "s"   ? 1'000.0
                        : unit == "min" ? 60'000.0
                        : unit == "h"   ? 3'600'000.0
                                        : 0.0;
  constexpr double day_ms = 86'400'000.0;
  if (error != std::errc{} || factor == 0.0 || !(number >= 0) || number * factor > day_ms)
    throw CLI::ValidationError{
        fmt::format("'{}' is no time; write a number with its unit, such as 500ms, 10s, 2min; at "
                    "most 24h",
                    text)};
  return std::chrono::milliseconds{static_cast<std::int64_t>(number * factor)};
}

}  // namespace

void add_duration(CLI::App& app,
                  const char* name,
                  std::chrono::milliseconds& value,
                  const std::string& help) {
  app.add_option_function<std::string>(
         name,
         [&value, name](const std::string& text) {
           try {
             value = parse_duration(text);
           } catch (const CLI::ValidationError& error) {
             throw CLI::ValidationError{name, error.what()};
           }
         },
         fmt::format("{} [{}ms]", help, value.count()))
      ->type_name("TIME");
}

}  // namespace carillon::loadgen
