#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace carillon::engine {

/// How much a log line matters to who runs the program.
enum class LogLevel : std::uint8_t {
  debug,    ///< for who works on the program
  info,     ///< what happened
  warning,  ///< works, but not as it should
  error,    ///< something was not done
};

/// One piece of context of a log line.
struct LogField {
  std::string_view key{};  ///< valid during the call
  std::string value{};     ///< as text
};

/// Where a component's log lines go: the embedder's. Any thread; must not throw.
/// An empty function drops them.
using LogSink =
    std::function<void(LogLevel, std::string_view message, std::span<const LogField> fields)>;

}  // namespace carillon::engine
