# Every third-party package, found in one place.
#
# What is missing is reported all at once, by the name of its Debian package.
# Each target is recorded with the find_dependency() call that brings it, from
# which CarillonPackage.cmake writes what an installed component needs.

# carillon_dependency(<package> APT <debian package> TARGETS <imported target>...
#                     [FIND <arguments of find_package>...] [PKG_CONFIG <module>])
function(carillon_dependency package)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "APT;PKG_CONFIG" "TARGETS;FIND")
  # Global: the targets are used in every directory, also below an embedder's.
  set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL TRUE)
  find_package(${package} ${arg_FIND} QUIET)
  set_property(GLOBAL PROPERTY "carillon_version_${package}" "${${package}_VERSION}")
  list(JOIN arg_FIND " " find_arguments)
  string(STRIP "${package} ${find_arguments}" find_arguments)
  foreach(target IN LISTS arg_TARGETS)
    if(NOT TARGET ${target})
      set_property(GLOBAL APPEND PROPERTY carillon_missing_packages ${arg_APT})
    endif()
    set_property(GLOBAL PROPERTY "carillon_find_${target}"
      "find_dependency(${find_arguments})")
    set_property(GLOBAL PROPERTY "carillon_pkg_config_${target}" "${arg_PKG_CONFIG}")
  endforeach()
endfunction()

set(THREADS_PREFER_PTHREAD_FLAG ON)
carillon_dependency(Threads APT libc6-dev TARGETS Threads::Threads)

carillon_dependency(ConcurrentQueue APT libconcurrentqueue-dev
  TARGETS ConcurrentQueue::ConcurrentQueue FIND MODULE)
carillon_dependency(simdjson APT libsimdjson-dev TARGETS simdjson::simdjson FIND CONFIG
  PKG_CONFIG simdjson)

if(CARILLON_WITH_PERSISTENCE OR CARILLON_WITH_NET)
  # Header-only for us; Debian's default libboost-dev is older.
  carillon_dependency(Boost APT libboost1.81-dev TARGETS Boost::headers FIND 1.81 CONFIG)
endif()
if(CARILLON_WITH_PERSISTENCE)
  carillon_dependency(RocksDB APT librocksdb-dev TARGETS RocksDB::rocksdb FIND MODULE)
  carillon_dependency(PostgreSQL APT libpq-dev TARGETS PostgreSQL::PostgreSQL FIND MODULE)
endif()
if(CARILLON_WITH_NET)
  carillon_dependency(OpenSSL APT libssl-dev TARGETS OpenSSL::SSL OpenSSL::Crypto FIND MODULE)
  carillon_dependency(prometheus-cpp APT prometheus-cpp-dev
    TARGETS prometheus-cpp::core FIND CONFIG)
endif()
if(CARILLON_BUILD_TOOLS)
  carillon_dependency(CLI11 APT libcli11-dev TARGETS CLI11::CLI11 FIND CONFIG)
  carillon_dependency(tomlplusplus APT libtomlplusplus-dev
    TARGETS tomlplusplus::tomlplusplus FIND CONFIG)
  carillon_dependency(CURL APT libcurl4-openssl-dev TARGETS CURL::libcurl FIND MODULE)
  carillon_dependency(fmt APT libfmt-dev TARGETS fmt::fmt FIND CONFIG)
  carillon_dependency(spdlog APT libspdlog-dev TARGETS spdlog::spdlog FIND CONFIG)
  carillon_dependency(Jemalloc APT libjemalloc-dev TARGETS Jemalloc::jemalloc FIND MODULE)
endif()
if(CARILLON_BUILD_TESTS)
  carillon_dependency(GTest APT "libgtest-dev;libgmock-dev"
    TARGETS GTest::gtest_main GTest::gmock FIND CONFIG)
  # The system's interpreter, which has Debian's python3-websockets; the first
  # on PATH may be one of pyenv or conda without it.
  find_program(CARILLON_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH)
  mark_as_advanced(CARILLON_PYTHON)
  if(NOT CARILLON_PYTHON)
    set_property(GLOBAL APPEND PROPERTY carillon_missing_packages python3)
  endif()
  find_program(CARILLON_SPIN spin)  # tests/model
  mark_as_advanced(CARILLON_SPIN)
  if(NOT CARILLON_SPIN)
    set_property(GLOBAL APPEND PROPERTY carillon_missing_packages spin)
  endif()
endif()
if(CARILLON_BUILD_BENCH)
  carillon_dependency(benchmark APT libbenchmark-dev
    TARGETS benchmark::benchmark benchmark::benchmark_main FIND CONFIG)
  # A contender of the directory, see engine/decisions/0008-directory-measured.md.
  carillon_dependency(Urcu APT liburcu-dev TARGETS Urcu::cds Urcu::qsbr Urcu::memb FIND MODULE)
  # The contender of send_bench, see net/decisions/0007-no-io-uring.md.
  carillon_dependency(Uring APT liburing-dev TARGETS Uring::uring FIND MODULE)
endif()

get_property(carillon_missing GLOBAL PROPERTY carillon_missing_packages)
if(carillon_missing)
  list(REMOVE_DUPLICATES carillon_missing)
  list(JOIN carillon_missing " " carillon_missing)
  message(FATAL_ERROR
    "Packages are missing. On Debian 12:\n  apt-get install ${carillon_missing}\n"
    "or let tools/dev/install_packages.sh install all of them.")
endif()
