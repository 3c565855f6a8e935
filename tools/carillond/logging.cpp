#include "tools/carillond/logging.hpp"

#include "carillon/engine/event_parser.hpp"

#include <spdlog/async.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <utility>

namespace carillon::carillond {
namespace {

using engine::LogField;
using engine::LogLevel;
using std::string_view;

constexpr std::size_t queued_lines_max = 8'192;

constexpr const char* text_pattern = "time=%Y-%m-%dT%H:%M:%S.%fZ level=%l %v";
constexpr const char* json_pattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})";

constexpr std::array<std::pair<string_view, spdlog::level::level_enum>, 4> known_levels{
    {{"debug", spdlog::level::debug},
     {"info", spdlog::level::info},
     {"warning", spdlog::level::warn},
     {"error", spdlog::level::err}}};

spdlog::level::level_enum spdlog_level(LogLevel level) {
  return known_levels[static_cast<std::size_t>(level)].second;
}

bool needs_quotes(string_view value) {
  return value.empty() || value.find_first_of(" \"=\\\n\r\t") != string_view::npos;
}

}  // namespace

std::string render_text(string_view message, std::span<const LogField> fields) {
  std::string line = "msg=";
  engine::append_json_string(line, message);
  for (const auto& [key, value] : fields) {
    line.append(" ").append(key).append("=");
    if (needs_quotes(value))
      engine::append_json_string(line, value);
    else
      line += value;
  }
  return line;
}

std::string render_json(string_view message, std::span<const LogField> fields) {
  std::string line = "\"msg\":";
  engine::append_json_string(line, message);
  for (const auto& [key, value] : fields) {
    line += ',';
    engine::append_json_string(line, key);
    line += ':';
    engine::append_json_string(line, value);
  }
  return line;
}

struct Logging::Impl {
  bool json;
  std::shared_ptr<spdlog::details::thread_pool> writer =
      std::make_shared<spdlog::details::thread_pool>(queued_lines_max, 1);
  std::shared_ptr<spdlog::async_logger> logger =
      std::make_shared<spdlog::async_logger>("carillond",
                                             std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                             writer,
                                             spdlog::async_overflow_policy::overrun_oldest);
};

Logging::Logging(const std::string& level, const std::string& format)
    : impl_{std::make_unique<Impl>(Impl{.json = format == "json"})} {
  impl_->logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      impl_->json ? json_pattern : text_pattern, spdlog::pattern_time_type::utc));
  set_level(level);
}

Logging::~Logging() {
  // The writer first: it writes what is queued, then joins its thread, so that
  // nobody uses the logger any more when that ends.
  impl_->writer.reset();
}

void Logging::log(LogLevel level, string_view message, std::span<const LogField> fields) {
  const auto severity = spdlog_level(level);
  if (!impl_->logger->should_log(severity)) return;
  const auto line = impl_->json ? render_json(message, fields) : render_text(message, fields);
  impl_->logger->log(severity, string_view{line});
}

engine::LogSink Logging::sink() {
  return [this](LogLevel level, string_view message, std::span<const LogField> fields) {
    log(level, message, fields);
  };
}

std::vector<std::string> Logging::levels() {
  std::vector<std::string> words;
  words.reserve(known_levels.size());
  for (const auto& [word, severity] : known_levels)
    words.emplace_back(word);
  return words;
}

std::string Logging::level() const {
  for (const auto& [word, severity] : known_levels)
    if (severity == impl_->logger->level()) return std::string{word};
  return {};
}

bool Logging::set_level(string_view word) {
  for (const auto& [known, severity] : known_levels) {
    if (known != word) continue;
    impl_->logger->set_level(severity);
    return true;
  }
  return false;
}

}  // namespace carillon::carillond
