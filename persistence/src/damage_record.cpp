#include "persistence/src/damage_record.hpp"

#include <array>

namespace carillon::persistence {
namespace {

using engine::LogField;

constexpr std::chrono::minutes between_lines{1};

}  // namespace

void DamageRecord::note(const engine::Error& error, std::chrono::steady_clock::time_point now) {
  if (error.code != engine::make_error_code(engine::Errc::corrupt)) return;
  std::uint64_t reads = 0;
  {
    const std::lock_guard lock{mutex_};
    ++count_;
    ++untold_;
    latest_ = error.text();
    if (told_at_ && now - *told_at_ < between_lines) return;
    told_at_ = now;
    reads = std::exchange(untold_, 0);
  }
  if (!log_) return;
  const std::array fields{LogField{.key = "path", .value = path_},
                          LogField{.key = "reads", .value = std::to_string(reads)},
                          LogField{.key = "reason", .value = error.text()}};
  log_(engine::LogLevel::error, "the store is damaged: reads fail", fields);
}

std::uint64_t DamageRecord::count() const {
  const std::lock_guard lock{mutex_};
  return count_;
}

std::string DamageRecord::latest() const {
  const std::lock_guard lock{mutex_};
  return latest_;
}

}  // namespace carillon::persistence
