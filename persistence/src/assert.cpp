#include "persistence/src/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace carillon::persistence {

void assertion_failed(const char* condition,
                      const char* message,
                      const char* file,
                      int line) noexcept {
  // The one place that prints: the process is about to die.
  std::fprintf(stderr, "%s:%d: %s (%s)\n", file, line, message, condition);
  std::abort();
}

}  // namespace carillon::persistence
