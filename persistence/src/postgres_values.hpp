#pragma once

#include "carillon/engine/event.hpp"
#include "carillon/engine/ids.hpp"

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::persistence {

/// Numbers of PostgreSQL's built-in types: fixed, but in no header for clients.
enum class PostgresType : Oid {
  int8 = 20,
  int2 = 21,
  text = 25,
  timestamptz = 1184,
  uuid = 2950,
  int2_array = 1005,
  text_array = 1009,
  int8_array = 1016,
  timestamptz_array = 1185,
  uuid_array = 2951,
};

/// One array in PostgreSQL's binary form, filled front to back.
class PostgresArray {
 public:
  /// `element` is the type of the elements, not of the array.
  explicit PostgresArray(PostgresType element);

  void add_int2(std::int16_t value);
  void add_int8(std::int64_t value);
  void add_uuid(const engine::Uuid& value);
  void add_time(engine::Timestamp value);
  /// REQUIRES UTF-8 without NUL.
  void add_text(std::string_view value);
  void add_null();

  [[nodiscard]] std::string take() &&;

 private:
  void begin(std::size_t bytes);

  std::string bytes_;
  std::uint32_t count_ = 0;
  bool has_null_ = false;
};

/// The parameters of one statement, in binary form: $1, $2, …
class PostgresParameters {
 public:
  /// Each returns the parameter's number.
  int add_int2(std::int16_t value);
  int add_int8(std::int64_t value);
  int add_uuid(const engine::Uuid& value);
  int add_time(engine::Timestamp value);
  /// REQUIRES UTF-8 without NUL.
  int add_text(std::string_view value);
  int add_array(PostgresType array, PostgresArray values);
  int add_uuids(std::span<const engine::Uuid> values);

  [[nodiscard]] int count() const noexcept { return static_cast<int>(values_.size()); }
  [[nodiscard]] const std::vector<Oid>& types() const noexcept { return types_; }
  [[nodiscard]] std::vector<const char*> pointers() const;
  [[nodiscard]] std::vector<int> lengths() const;

 private:
  int add(PostgresType type, std::string bytes);

  std::vector<Oid> types_;
  std::vector<std::string> values_;
};

/// The rows of one statement, in binary form.
class PostgresRows {
 public:
  PostgresRows() = default;
  explicit PostgresRows(PGresult* result) : result_{result, &PQclear} {}

  [[nodiscard]] int count() const noexcept { return PQntuples(result_.get()); }
  /// Rows inserted, updated or deleted.
  [[nodiscard]] std::uint64_t affected() const noexcept;

  [[nodiscard]] bool is_null(int row, int column) const noexcept {
    return PQgetisnull(result_.get(), row, column) != 0;
  }
  [[nodiscard]] std::int16_t int2(int row, int column) const noexcept;
  [[nodiscard]] std::int64_t int8(int row, int column) const noexcept;
  [[nodiscard]] engine::Uuid uuid(int row, int column) const noexcept;
  [[nodiscard]] engine::Timestamp time(int row, int column) const noexcept;
  [[nodiscard]] std::string_view text(int row, int column) const noexcept;
  [[nodiscard]] bool boolean(int row, int column) const noexcept {
    return !is_null(row, column) && *PQgetvalue(result_.get(), row, column) != '\0';
  }

 private:
  std::unique_ptr<PGresult, decltype(&PQclear)> result_{nullptr, &PQclear};
};

/// Sequences are below 2^53; a position may be any number.
[[nodiscard]] constexpr std::int64_t to_bigint(std::uint64_t value) noexcept {
  return value > static_cast<std::uint64_t>(INT64_MAX) ? INT64_MAX
                                                       : static_cast<std::int64_t>(value);
}

/// Whether PostgreSQL takes it as text: UTF-8 without NUL.
[[nodiscard]] bool is_postgres_text(std::string_view text);

}  // namespace carillon::persistence
