#pragma once

#include <cstdio>
#include <cstdlib>

/// What a fuzz target claims: on a failure it says so and aborts, which every
/// driver reports together with the input.
#define CARILLON_FUZZ_REQUIRE(condition)                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                  \
    }                                                                                \
  } while (false)
