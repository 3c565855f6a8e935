#include "persistence/src/postgres_values.hpp"

#include "carillon/engine/event_parser.hpp"
#include "persistence/src/coding.hpp"
#include "persistence/src/keys.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace carillon::persistence {
namespace {

using engine::Timestamp;
using engine::Uuid;

// PostgreSQL counts microseconds from 2000-01-01, and refuses what lies outside
// of these bounds (4713 BC to 294276 AD).
constexpr std::int64_t epoch_2000_us = 946'684'800'000'000;
constexpr std::int64_t first_time_us = -211'813'488'000'000'000;
constexpr std::int64_t last_time_us = 9'223'371'331'199'999'999;

std::int64_t to_postgres_time(Timestamp time) noexcept {
  const auto since_1970 = time.time_since_epoch().count();
  const auto clamped =
      std::clamp<std::int64_t>(since_1970, first_time_us + epoch_2000_us, INT64_MAX);
  return std::min(clamped - epoch_2000_us, last_time_us);
}

// An array: dimensions 4, has nulls 4, type of the elements 4, number of elements
// 4, lower bound 4; then each element's bytes behind their number.
constexpr std::size_t has_null_at = 4;
constexpr std::size_t count_at = 12;
constexpr std::uint32_t null_bytes = 0xFFFFFFFF;

template <std::size_t Bytes>
void overwrite(std::string& out, std::size_t at, std::uint64_t value) {
  std::string bytes;
  put_fixed<Bytes>(bytes, value);
  std::memcpy(out.data() + at, bytes.data(), Bytes);
}

}  // namespace

PostgresArray::PostgresArray(PostgresType element) {
  put_fixed<4>(bytes_, 1);
  put_fixed<4>(bytes_, 0);
  put_fixed<4>(bytes_, static_cast<Oid>(element));
  put_fixed<4>(bytes_, 0);
  put_fixed<4>(bytes_, 1);
}

void PostgresArray::begin(std::size_t bytes) {
  ++count_;
  put_fixed<4>(bytes_, bytes);
}

void PostgresArray::add_int2(std::int16_t value) {
  begin(2);
  put_fixed<2>(bytes_, static_cast<std::uint16_t>(value));
}
void PostgresArray::add_int8(std::int64_t value) {
  begin(8);
  put_fixed<8>(bytes_, static_cast<std::uint64_t>(value));
}
void PostgresArray::add_uuid(const Uuid& value) {
  begin(value.bytes.size());
  bytes_ += bytes_of(value);
}
void PostgresArray::add_time(Timestamp value) {
  add_int8(to_postgres_time(value));
}
void PostgresArray::add_text(std::string_view value) {
  begin(value.size());
  bytes_ += value;
}
void PostgresArray::add_null() {
  begin(null_bytes);
  has_null_ = true;
}

std::string PostgresArray::take() && {
  overwrite<4>(bytes_, has_null_at, has_null_ ? 1 : 0);
  overwrite<4>(bytes_, count_at, count_);
  return std::move(bytes_);
}

int PostgresParameters::add(PostgresType type, std::string bytes) {
  types_.push_back(static_cast<Oid>(type));
  values_.push_back(std::move(bytes));
  return count();
}

int PostgresParameters::add_int2(std::int16_t value) {
  std::string bytes;
  put_fixed<2>(bytes, static_cast<std::uint16_t>(value));
  return add(PostgresType::int2, std::move(bytes));
}
int PostgresParameters::add_int8(std::int64_t value) {
  std::string bytes;
  put_fixed<8>(bytes, static_cast<std::uint64_t>(value));
  return add(PostgresType::int8, std::move(bytes));
}
int PostgresParameters::add_uuid(const Uuid& value) {
  return add(PostgresType::uuid, std::string{bytes_of(value)});
}
int PostgresParameters::add_time(Timestamp value) {
  std::string bytes;
  put_fixed<8>(bytes, static_cast<std::uint64_t>(to_postgres_time(value)));
  return add(PostgresType::timestamptz, std::move(bytes));
}
int PostgresParameters::add_text(std::string_view value) {
  return add(PostgresType::text, std::string{value});
}
int PostgresParameters::add_array(PostgresType array, PostgresArray values) {
  return add(array, std::move(values).take());
}
int PostgresParameters::add_uuids(std::span<const Uuid> values) {
  PostgresArray array{PostgresType::uuid};
  for (const auto& value : values)
    array.add_uuid(value);
  return add_array(PostgresType::uuid_array, std::move(array));
}

std::vector<const char*> PostgresParameters::pointers() const {
  std::vector<const char*> pointers;
  pointers.reserve(values_.size());
  for (const auto& value : values_)
    pointers.push_back(value.data());
  return pointers;
}

std::vector<int> PostgresParameters::lengths() const {
  std::vector<int> lengths;
  lengths.reserve(values_.size());
  for (const auto& value : values_)
    lengths.push_back(static_cast<int>(value.size()));
  return lengths;
}

std::uint64_t PostgresRows::affected() const noexcept {
  const std::string_view text = PQcmdTuples(result_.get());
  std::uint64_t rows = 0;
  std::from_chars(text.data(), text.data() + text.size(), rows);
  return rows;
}

std::int16_t PostgresRows::int2(int row, int column) const noexcept {
  return static_cast<std::int16_t>(get_fixed<2>(PQgetvalue(result_.get(), row, column)));
}
std::int64_t PostgresRows::int8(int row, int column) const noexcept {
  return static_cast<std::int64_t>(get_fixed<8>(PQgetvalue(result_.get(), row, column)));
}
Uuid PostgresRows::uuid(int row, int column) const noexcept {
  Uuid uuid;
  std::memcpy(uuid.bytes.data(), PQgetvalue(result_.get(), row, column), uuid.bytes.size());
  return uuid;
}
Timestamp PostgresRows::time(int row, int column) const noexcept {
  const auto since_2000 = std::min(int8(row, column), INT64_MAX - epoch_2000_us);
  return Timestamp{std::chrono::microseconds{since_2000 + epoch_2000_us}};
}
std::string_view PostgresRows::text(int row, int column) const noexcept {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

bool is_postgres_text(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return false;
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::all_of(text.begin(), text.end(), is_ascii)) return true;
  std::string json;
  engine::append_json_string(json, text);
  return engine::check_json(json).empty();
}

}  // namespace carillon::persistence
