#pragma once

#include <string>
#include <system_error>
#include <utility>
#include <variant>

namespace carillon::engine {

/// Operating failures that a caller of the engine or of a store can meet.
enum class Errc {
  invalid_argument = 1,  ///< an argument breaks the documented rule
  not_found,             ///< no such event for this user
  closed,                ///< the object is stopping or stopped
  unavailable,           ///< the store can't serve this now; try again later
  corrupt,               ///< stored bytes contradict themselves
  locked,                ///< somebody else has the store open
  io,                    ///< the operating system refused a read or a write
  unsupported_version,   ///< written by another version of the schema
  unsupported,           ///< this kind of store has no such thing
  history_gone,          ///< the history does not reach back to the cursor
};

/// The category of `Errc`, named "carillon.engine".
[[nodiscard]] const std::error_category& error_category() noexcept;
/// `code` in error_category().
[[nodiscard]] inline std::error_code make_error_code(Errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

/// A failure: a code to branch on, and one sentence for a person (what, where,
/// what would be right). The sentence may be empty where the code says it all.
struct Error {
  std::error_code code;  ///< of error_category(), or the operating system's
  std::string message;   ///< may be empty, see text()

  /// A failure of the engine or of a store.
  Error(Errc errc, std::string text = {}) : code{make_error_code(errc)}, message{std::move(text)} {}
  /// A failure of any category.
  Error(std::error_code error, std::string text = {}) : code{error}, message{std::move(text)} {}

  /// The sentence, or the code's own text if there is none.
  [[nodiscard]] std::string text() const { return message.empty() ? code.message() : message; }
};

/// Either a value or an `Error`. Asking for the one that is not there aborts
/// by `std::bad_variant_access`, so check first. (GCC 12 has no std::expected,
/// and the engine's public headers carry no Boost.)
template <class T>
class [[nodiscard]] Result {
 public:
  /// Success.
  Result(T value) : state_{std::in_place_index<0>, std::move(value)} {}
  /// Failure.
  Result(Error error) : state_{std::in_place_index<1>, std::move(error)} {}
  /// Failure without a sentence of its own.
  Result(Errc errc) : state_{std::in_place_index<1>, Error{errc}} {}

  /// Whether it is a success.
  [[nodiscard]] explicit operator bool() const noexcept { return state_.index() == 0; }
  /// The value of a success.
  [[nodiscard]] T& operator*() & { return std::get<0>(state_); }
  /// The value of a success.
  [[nodiscard]] const T& operator*() const& { return std::get<0>(state_); }
  /// The value of a success, to be moved from.
  [[nodiscard]] T&& operator*() && { return std::get<0>(std::move(state_)); }
  /// Into the value of a success.
  [[nodiscard]] T* operator->() { return &std::get<0>(state_); }
  /// Into the value of a success.
  [[nodiscard]] const T* operator->() const { return &std::get<0>(state_); }
  /// The error of a failure.
  [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

/// Success without a value, or an `Error`.
template <>
class [[nodiscard]] Result<void> {
 public:
  /// Success.
  Result() = default;
  /// Failure.
  Result(Error error) : state_{std::in_place_index<1>, std::move(error)} {}
  /// Failure without a sentence of its own.
  Result(Errc errc) : state_{std::in_place_index<1>, Error{errc}} {}

  /// Whether it is a success.
  [[nodiscard]] explicit operator bool() const noexcept { return state_.index() == 0; }
  /// The error of a failure.
  [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<std::monostate, Error> state_;
};

}  // namespace carillon::engine
