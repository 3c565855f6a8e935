# The helpers that every CMakeLists.txt of the project uses.
#
#   carillon_library(<name> SOURCES ... [PUBLIC ...] [PRIVATE ...])
#   carillon_executable(<name> SOURCES ... [PRIVATE ...])
#   carillon_test(<name> SOURCES ... LABELS ... [PRIVATE ...] [TIMEOUT seconds] [WHOLE])
#   carillon_test_library(<name> SOURCES ... [PUBLIC ...] [PRIVATE ...])
#   carillon_benchmark(<name> SOURCES ... [PRIVATE ...])
#   carillon_fuzz(<name> SOURCES ... [PRIVATE ...] [CORPUS directory])
#
# Sources are listed, not globbed; libraries by their alias (carillon::engine,
# Boost::headers). Asio and Beast come with carillon::asio (CarillonAsio.cmake).
# Flags of ours never reach a consumer.

include(GNUInstallDirs)
if(CARILLON_BUILD_TESTS)
  include(GoogleTest)
endif()

# What all our targets share. The project root is on the private include path
# alone: private headers are included by full path ("engine/src/mailbox.hpp").
function(_carillon_configure target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_include_directories(${target} PRIVATE "${carillon_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE
    $<BUILD_INTERFACE:carillon_warnings> $<BUILD_INTERFACE:carillon_build_flags>)
endfunction()

# Links privately. A header-only library is needed to compile us, never by who
# links us, so it stays out of the exported package.
function(_carillon_link_private target)
  foreach(library IN LISTS ARGN)
    set(hidden FALSE)
    if(TARGET ${library})
      get_target_property(type ${library} TYPE)
      get_target_property(links ${library} INTERFACE_LINK_LIBRARIES)
      if(type STREQUAL "INTERFACE_LIBRARY" AND NOT links)
        set(hidden TRUE)
      endif()
    endif()
    if(hidden)
      target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:${library}>)
    else()
      target_link_libraries(${target} PRIVATE ${library})
      set_property(TARGET ${target} APPEND PROPERTY CARILLON_LINKS ${library})
    endif()
  endforeach()
endfunction()

# Static library carillon_<name>, alias carillon::<name>, public headers in
# include/ of the calling directory.
function(carillon_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PUBLIC;PRIVATE")
  set(target carillon_${name})
  add_library(${target} STATIC ${arg_SOURCES})
  add_library(carillon::${name} ALIAS ${target})
  _carillon_configure(${target})
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${name}
    POSITION_INDEPENDENT_CODE ON
    CARILLON_LINKS "${arg_PUBLIC}")
  target_link_libraries(${target} PUBLIC ${arg_PUBLIC})
  _carillon_link_private(${target} ${arg_PRIVATE})

  if(IS_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}/include")
    target_include_directories(${target} PUBLIC
      $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
      $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    if(CARILLON_BUILD_TESTS AND NOT CARILLON_SANITIZE)  # which sees nothing in them
      _carillon_check_headers(${name})
    endif()
  endif()
  if(CARILLON_INSTALL)
    carillon_install_library(${name})
  endif()
endfunction()

# Compiles each public header alone, as its consumer would: with the library's
# public include path and nothing included before it. This is the one glob of
# the project, so that no header can be forgotten.
function(_carillon_check_headers name)
  set(include_dir "${CMAKE_CURRENT_SOURCE_DIR}/include")
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE "${include_dir}" "${include_dir}/*.hpp")
  if(NOT headers)
    return()
  endif()
  set(sources)
  foreach(header IN LISTS headers)
    string(REPLACE "/" "_" stem "${header}")
    set(source "${CMAKE_CURRENT_BINARY_DIR}/header_alone/${stem}.cpp")
    # Twice: the include guard is checked as well.
    file(CONFIGURE OUTPUT "${source}" @ONLY
      CONTENT "#include \"@header@\"\n#include \"@header@\"  // NOLINT(readability-duplicate-include): the guard\n")
    list(APPEND sources "${source}")
  endforeach()
  add_library(carillon_${name}_headers OBJECT ${sources})
  _carillon_configure(carillon_${name}_headers)
  target_link_libraries(carillon_${name}_headers PRIVATE carillon::${name})
endfunction()

# Executable in bin/ of the build directory.
function(_carillon_add_executable name)
  add_executable(${name} ${arg_SOURCES})
  _carillon_configure(${name})
  target_link_libraries(${name} PRIVATE ${arg_PRIVATE})
endfunction()

function(carillon_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PRIVATE")
  _carillon_add_executable(${name})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${carillon_BINARY_DIR}/bin")
  if(CARILLON_LTO)
    set_target_properties(${name} PROPERTIES INTERPROCEDURAL_OPTIMIZATION ON)
  endif()
  if(CARILLON_INSTALL)
    install(TARGETS ${name} COMPONENT runtime)
  endif()
endfunction()

# Environment of a test process and of what it starts. A sanitizer's report ends
# the process, so that a test cannot pass over it.
set(carillon_test_environment
  "ASAN_OPTIONS=detect_stack_use_after_return=1:check_initialization_order=1:strict_init_order=1"
  "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tools/dev/lsan.supp:print_suppressions=0"
  "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tools/dev/tsan.supp:ignore_noninstrumented_modules=1:halt_on_error=1:second_deadlock_stack=1"
  "UBSAN_OPTIONS=print_stacktrace=1")

# GoogleTest executable; each TEST is a ctest of its own, unless it is run WHOLE,
# because its tests share something that is dear to start. Tests are listed when
# ctest runs (PRE_TEST), not when they are linked. TIMEOUT is the guard against a
# hang (style: a lost wake-up hangs), not a performance limit.
function(carillon_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "WHOLE" "TIMEOUT" "SOURCES;PRIVATE;LABELS")
  if(NOT arg_LABELS)
    message(FATAL_ERROR "carillon_test(${name}): LABELS is missing")
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  _carillon_add_executable(${name})
  set_target_properties(${name} PROPERTIES CARILLON_TEST_CODE ON)
  target_link_libraries(${name} PRIVATE GTest::gmock GTest::gtest_main)
  if(arg_WHOLE)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES
      LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${carillon_test_environment}")
    return()
  endif()
  # Plain names (Suite/0.Test, Suite.Test/0): no parameter's text in a test's name.
  gtest_discover_tests(${name}
    DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 120 NO_PRETTY_TYPES NO_PRETTY_VALUES)
  # The PROPERTIES of gtest_discover_tests cannot hold a list, such as several
  # labels; this file, which ctest reads after the discovery, can.
  set(properties "${CMAKE_CURRENT_BINARY_DIR}/${name}_properties.cmake")
  file(CONFIGURE OUTPUT "${properties}" @ONLY CONTENT [[
if(@name@_TESTS)  # not built: no tests
  set_tests_properties(${@name@_TESTS} PROPERTIES
    LABELS "@arg_LABELS@" TIMEOUT @arg_TIMEOUT@ ENVIRONMENT "@carillon_test_environment@")
endif()
]])
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${properties}")
endfunction()

# Static library of what several test executables share, compiled once, as tests' code.
function(carillon_test_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PUBLIC;PRIVATE")
  add_library(${name} STATIC ${arg_SOURCES})
  _carillon_configure(${name})
  set_target_properties(${name} PROPERTIES CARILLON_TEST_CODE ON)
  target_link_libraries(${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()

# Google Benchmark executable in bin/, and a smoke test, so that it cannot rot.
function(carillon_benchmark name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PRIVATE")
  _carillon_add_executable(${name})
  target_link_libraries(${name} PRIVATE benchmark::benchmark benchmark::benchmark_main)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${carillon_BINARY_DIR}/bin")
  if(CARILLON_BUILD_TESTS)
    # A million users take seconds to set up, for each guess at the iterations.
    add_test(NAME bench-smoke.${name} COMMAND ${name}
      --benchmark_min_time=0.001 --benchmark_filter=-:1000000)
    set_tests_properties(bench-smoke.${name} PROPERTIES
      LABELS bench-smoke TIMEOUT 300 ENVIRONMENT "${carillon_test_environment}")
  endif()
endfunction()

# Fuzz target (LLVMFuzzerTestOneInput). Preset fuzz makes a libFuzzer executable
# of it; any other build replays the corpus as a test.
function(carillon_fuzz name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "CORPUS" "SOURCES;PRIVATE")
  if(NOT CARILLON_FUZZ)
    list(APPEND arg_SOURCES "${carillon_SOURCE_DIR}/tools/cmake/fuzz_replay_main.cpp")
  endif()
  _carillon_add_executable(${name})
  if(CARILLON_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endif()
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${carillon_BINARY_DIR}/bin")
  if(arg_CORPUS)
    # -runs=0: libFuzzer too only replays; the replayer ignores it.
    add_test(NAME fuzz-replay.${name} COMMAND ${name} -runs=0 "${arg_CORPUS}")
    set_tests_properties(fuzz-replay.${name} PROPERTIES
      LABELS fuzz-replay TIMEOUT 120 ENVIRONMENT "${carillon_test_environment}")
  endif()
endfunction()
