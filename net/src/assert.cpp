#include "net/src/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace carillon::net::detail {

void assertion_failed(const char* condition,
                      const char* message,
                      const char* file,
                      int line) noexcept {
  // The one place where the library prints: the process ends here, and a core
  // without a reason would help nobody.
  std::fprintf(stderr, "carillon: %s (%s) at %s:%d\n", message, condition, file, line);
  std::abort();
}

}  // namespace carillon::net::detail
