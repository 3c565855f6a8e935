#include "carillon/engine/timestamp.hpp"

#include <algorithm>
#include <array>

namespace carillon::engine {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::microseconds;

void write_digits(char* out, unsigned value, std::size_t digits) noexcept {
  for (std::size_t i = digits; i-- > 0;) {
    out[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

/// Reads fixed-width numbers and single characters off the front of a text.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_{text} {}

  std::optional<int> digits(std::size_t count) noexcept {
    if (rest_.size() < count) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return std::nullopt;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }
  bool take(char wanted) noexcept {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
  [[nodiscard]] char peek() const noexcept { return rest_.empty() ? '\0' : rest_.front(); }

 private:
  std::string_view rest_;
};

std::optional<std::chrono::sys_days> read_date(Reader& in) noexcept {
  const auto year = in.digits(4);
  if (!year || !in.take('-')) return std::nullopt;
  const auto month = in.digits(2);
  if (!month || !in.take('-')) return std::nullopt;
  const auto day = in.digits(2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*year},
                                         std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date};
}

std::optional<microseconds> read_fraction(Reader& in) noexcept {
  if (!in.take('.')) return microseconds{0};
  int value = 0;
  int digits = 0;
  while (const auto digit = in.digits(1)) {
    if (digits < 6) value = value * 10 + *digit;
    if (++digits > 9) return std::nullopt;
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 6; ++digits)
    value *= 10;
  return microseconds{value};
}

std::optional<microseconds> read_time_of_day(Reader& in) noexcept {
  const auto hour = in.digits(2);
  if (!hour || !in.take(':')) return std::nullopt;
  const auto minute = in.digits(2);
  if (!minute || !in.take(':')) return std::nullopt;
  const auto second = in.digits(2);
  // 60 is a leap second; it is read as the first moment of the next minute.
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto fraction = read_fraction(in);
  if (!fraction) return std::nullopt;
  return std::chrono::hours{*hour} + std::chrono::minutes{*minute} + std::chrono::seconds{*second} +
         *fraction;
}

std::optional<std::chrono::minutes> read_offset(Reader& in) noexcept {
  if (in.take('Z') || in.take('z')) return std::chrono::minutes{0};
  const bool ahead = in.peek() == '+';
  if (!in.take('+') && !in.take('-')) return std::nullopt;
  const auto hours = in.digits(2);
  if (!hours || !in.take(':')) return std::nullopt;
  const auto minutes = in.digits(2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::chrono::minutes offset{*hours * 60 + *minutes};
  return ahead ? offset : -offset;
}

}  // namespace

void format_timestamp(Timestamp time, char* out) noexcept {
  constexpr Timestamp first{std::chrono::sys_days{std::chrono::year{0} / 1 / 1}};
  constexpr Timestamp last{std::chrono::sys_days{std::chrono::year{9999} / 12 / 31} +
                           std::chrono::hours{24} - microseconds{1}};
  time = std::clamp(time, first, last);
  const auto day = floor<days>(time);
  const std::chrono::year_month_day date{day};
  auto rest = static_cast<std::uint64_t>((time - day).count());
  const auto micros = static_cast<unsigned>(rest % 1'000'000);
  rest /= 1'000'000;
  write_digits(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  out[4] = '-';
  write_digits(out + 5, static_cast<unsigned>(date.month()), 2);
  out[7] = '-';
  write_digits(out + 8, static_cast<unsigned>(date.day()), 2);
  out[10] = 'T';
  write_digits(out + 11, static_cast<unsigned>(rest / 3600), 2);
  out[13] = ':';
  write_digits(out + 14, static_cast<unsigned>(rest / 60 % 60), 2);
  out[16] = ':';
  write_digits(out + 17, static_cast<unsigned>(rest % 60), 2);
  out[19] = '.';
  write_digits(out + 20, micros, 6);
  out[26] = 'Z';
}

std::string to_string(Timestamp time) {
  std::string text(timestamp_text_bytes, '\0');
  format_timestamp(time, text.data());
  return text;
}

std::optional<Timestamp> parse_timestamp(std::string_view text) noexcept {
  Reader in{text};
  const auto date = read_date(in);
  if (!date) return std::nullopt;
  if (in.at_end()) return Timestamp{*date};
  if (!in.take('T') && !in.take('t') && !in.take(' ')) return std::nullopt;
  const auto time = read_time_of_day(in);
  if (!time) return std::nullopt;
  const auto offset = read_offset(in);
  if (!offset || !in.at_end()) return std::nullopt;
  return Timestamp{*date} + *time - *offset;
}

Timestamp now() noexcept {
  return floor<microseconds>(std::chrono::system_clock::now());
}

}  // namespace carillon::engine
