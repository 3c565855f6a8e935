#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace carillon::engine {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// One piece of context of a log line.
struct LogField {
  std::string_view key{};
  std::string value{};
};

/// Where a component's log lines go: the embedder's. Any thread; must not throw.
/// An empty function drops them.
using LogSink =
    std::function<void(LogLevel, std::string_view message, std::span<const LogField> fields)>;

}  // namespace carillon::engine
