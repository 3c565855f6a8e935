#pragma once

#include "carillon/engine/log.hpp"
#include "carillon/engine/result.hpp"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace carillon::persistence {

/// Remembers that reads of a store met damage, which stays until somebody acts, and tells
/// the log: of the first one at once, then of the latest once a minute at most.
///
/// Threads   Any.
class DamageRecord {
 public:
  DamageRecord(engine::LogSink log, std::string path)
      : log_{std::move(log)}, path_{std::move(path)} {}

  /// Notes the failure of a read if it is Errc::corrupt.
  void note(const engine::Error& error,
            std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now());

  [[nodiscard]] std::uint64_t count() const;
  /// What the latest one was; empty: none.
  [[nodiscard]] std::string latest() const;

 private:
  const engine::LogSink log_;
  const std::string path_;
  mutable std::mutex mutex_;  // over everything below
  std::uint64_t count_ = 0;
  std::uint64_t untold_ = 0;
  std::string latest_;
  std::optional<std::chrono::steady_clock::time_point> told_at_;
};

}  // namespace carillon::persistence
