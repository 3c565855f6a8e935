#pragma once

/// Aborts with a message when a programmer's mistake or a broken invariant is
/// found. On in release builds: what is claimed is checked.
#define CARILLON_ASSERT(condition, message)                                               \
  do {                                                                                    \
    if (!(condition)) [[unlikely]]                                                        \
      ::carillon::net::detail::assertion_failed(#condition, message, __FILE__, __LINE__); \
  } while (false)

namespace carillon::net::detail {

[[noreturn]] void assertion_failed(const char* condition,
                                   const char* message,
                                   const char* file,
                                   int line) noexcept;

}  // namespace carillon::net::detail
