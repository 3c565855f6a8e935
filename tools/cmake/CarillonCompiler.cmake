# Warnings, sanitizers and build accelerators.
#
# Flags of ours sit on the interface targets carillon_warnings and
# carillon_build_flags, which the helpers of CarillonTargets.cmake link
# privately: a project that embeds Carillon never inherits them.

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
  endif()

  find_program(CARILLON_CCACHE ccache)
  mark_as_advanced(CARILLON_CCACHE)
  if(CARILLON_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${CARILLON_CCACHE}")
  endif()
endif()

add_library(carillon_warnings INTERFACE)
target_compile_options(carillon_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${CARILLON_WERROR}>:-Werror>)

add_library(carillon_build_flags INTERFACE)
if(CARILLON_ARCH)
  target_compile_options(carillon_build_flags INTERFACE "-march=${CARILLON_ARCH}")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  # A line that is fetched to be written must come as ours, or the write asks for it once
  # more: without this a prefetch for writing is compiled as one for reading. Processors of
  # x86-64 that lack PREFETCHW take it for a nop (Intel SDM, volume 2, PREFETCHW).
  target_compile_options(carillon_build_flags INTERFACE -mprfchw)
endif()

if(CARILLON_SANITIZE STREQUAL "address")
  set(carillon_sanitizer_flags -fsanitize=address,undefined -fno-sanitize-recover=all)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 takes an empty std::optional<std::string> and its own std::function
    # for uninitialized when it instruments them; the sanitizer itself would tell.
    target_compile_options(carillon_build_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    # clang 14 cannot emit this check's prologue for a coroutine ("Cannot
    # represent a difference across sections").
    list(APPEND carillon_sanitizer_flags -fno-sanitize=function)
  endif()
elseif(CARILLON_SANITIZE STREQUAL "thread")
  set(carillon_sanitizer_flags -fsanitize=thread)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The concurrent queue of moodycamel uses stand-alone fences, which GCC's
    # thread sanitizer does not model and says so, even in a system header.
    target_compile_options(carillon_build_flags INTERFACE -Wno-tsan)
  endif()
elseif(CARILLON_SANITIZE)
  message(FATAL_ERROR "CARILLON_SANITIZE is '${CARILLON_SANITIZE}'; use address, thread or nothing")
endif()
if(carillon_sanitizer_flags)
  target_compile_options(carillon_build_flags INTERFACE
    ${carillon_sanitizer_flags} -fno-omit-frame-pointer)
  target_link_options(carillon_build_flags INTERFACE ${carillon_sanitizer_flags})
endif()
if(CARILLON_SANITIZE STREQUAL "address")
  # What is tested has all checks. The tests' own code (carillon_test) does without those
  # for undefined behaviour, and is not optimised: GoogleTest's macros take three times as
  # long to compile with them.
  target_compile_options(carillon_build_flags INTERFACE
    $<$<BOOL:$<TARGET_PROPERTY:CARILLON_TEST_CODE>>:-fno-sanitize=undefined>
    $<$<BOOL:$<TARGET_PROPERTY:CARILLON_TEST_CODE>>:-O0>)
endif()
if(CARILLON_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "CARILLON_FUZZ needs clang (preset fuzz)")
  endif()
  target_compile_options(carillon_build_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# A faster linker, where one is installed, is worth several seconds per
# executable; nothing depends on it. GCC 12 and clang 14 both know these names.
if(PROJECT_IS_TOP_LEVEL)
  find_program(CARILLON_LINKER NAMES mold ld.lld)
  mark_as_advanced(CARILLON_LINKER)
  if(CARILLON_LINKER MATCHES "mold$")
    target_link_options(carillon_build_flags INTERFACE -fuse-ld=mold)
  elseif(CARILLON_LINKER AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_link_options(carillon_build_flags INTERFACE -fuse-ld=lld)
  endif()
endif()
