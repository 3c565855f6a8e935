#pragma once

#include "carillon/engine/log.hpp"

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::carillond {

/// The server's log: one line per record on standard error, key=value or JSON.
///
/// Role      One per process.
/// Threads   Everything but construction and destruction: any thread.
/// Bound     A bounded queue in front of one writer thread. When standard error
///           is slower than the log, the oldest waiting lines are dropped: a
///           blocked terminal must not stop a shard.
/// Lifetime  Destruction writes what is queued. Outlives whoever holds sink().
class Logging {
 public:
  /// `level` and `format` are words that the configuration allows.
  Logging(const std::string& level, const std::string& format);
  ~Logging();
  Logging(const Logging&) = delete;
  Logging& operator=(const Logging&) = delete;

  void log(engine::LogLevel level,
           std::string_view message,
           std::span<const engine::LogField> fields = {});
  void log(engine::LogLevel level,
           std::string_view message,
           std::initializer_list<engine::LogField> fields) {
    log(level, message, std::span{fields.begin(), fields.size()});
  }
  [[nodiscard]] engine::LogSink sink();

  /// The words for levels, from the most to the least talkative.
  [[nodiscard]] static std::vector<std::string> levels();
  [[nodiscard]] std::string level() const;
  /// False for an unknown word; nothing changes then.
  bool set_level(std::string_view word);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The message and its fields as they follow the time and the level of a line:
/// `msg="port taken" port=9081`, or the members of a JSON object. A line break
/// in a value is escaped, so that a record is always one line.
[[nodiscard]] std::string render_text(std::string_view message,
                                      std::span<const engine::LogField> fields);
[[nodiscard]] std::string render_json(std::string_view message,
                                      std::span<const engine::LogField> fields);

}  // namespace carillon::carillond
