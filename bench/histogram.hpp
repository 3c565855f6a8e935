#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace bench {

/// Latencies in nanoseconds in log-linear buckets: 64 to each power of two, so a
/// percentile is too high by 1.6 % at most. A negative value counts as 0. One
/// thread.
class Histogram {
 public:
  void add(std::int64_t nanoseconds) noexcept {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(nanoseconds, 0));
    ++counts_[bucket_of(value)];
    ++total_;
    sum_ += static_cast<double>(value);
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
  }

  void clear() noexcept { *this = Histogram{}; }

  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] double max() const noexcept { return static_cast<double>(max_); }
  [[nodiscard]] double min() const noexcept {
    return total_ == 0 ? 0.0 : static_cast<double>(min_);
  }
  [[nodiscard]] double mean() const noexcept {
    return total_ == 0 ? 0.0 : sum_ / static_cast<double>(total_);
  }

  /// The upper end of the bucket in which that share of the values has been seen.
  [[nodiscard]] double at(double share) const noexcept {
    const auto wanted = share * static_cast<double>(total_);
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      seen += counts_[bucket];
      if (seen > 0 && static_cast<double>(seen) >= wanted)
        return std::min(upper_end(bucket), max());
    }
    return max();
  }

 private:
  static constexpr unsigned linear_bits = 6;
  static constexpr std::size_t linear = std::size_t{1} << linear_bits;

  // Values below 64 have a bucket each; above, the leading bit picks the power
  // and the six bits behind it the bucket.
  static std::size_t bucket_of(std::uint64_t value) noexcept {
    if (value < linear) return value;
    const auto power = static_cast<unsigned>(std::bit_width(value)) - 1 - linear_bits;
    return (power + 1) * linear + ((value >> power) & (linear - 1));
  }
  static double upper_end(std::size_t bucket) noexcept {
    if (bucket < linear) return static_cast<double>(bucket);
    const auto power = bucket / linear - 1;
    return static_cast<double>(((linear + bucket % linear + 1) << power) - 1);
  }

  std::array<std::uint64_t, linear*(65 - linear_bits)> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t min_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t max_ = 0;
  double sum_ = 0.0;
};

}  // namespace bench
