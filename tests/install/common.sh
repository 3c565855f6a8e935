# shellcheck shell=bash
# What the tests of this directory share; sourced, not run. The environment
# names the tools: CXX, CMAKE.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
cmake=${CMAKE:-cmake}
export CXX=${CXX:-g++}

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# An empty directory of the test's own.
fresh_directory() {
  rm -rf -- "$1"
  mkdir -p -- "$1"
}

# Installs the engine of a build directory into a prefix.
install_engine() {
  local build=$1 prefix=$2
  "$cmake" --install "$build" --prefix "$prefix" --component engine >/dev/null
}

# Builds and runs the CMake project in a subdirectory of this one.
consume_with_cmake() {
  local name=$1 work=$2
  shift 2
  "$cmake" -S "$here/$name" -B "$work" -G Ninja --log-level=NOTICE \
    "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror" "$@"
  "$cmake" --build "$work"
  run_embed "$work/embed"
}

# Builds and runs the consumer with make and pkg-config.
consume_with_pkg_config() {
  local work=$1 prefix=$2 file
  file=$(find "$prefix" -name carillon-engine.pc)
  [[ -n $file ]] || fail "no carillon-engine.pc below $prefix"
  mkdir -p -- "$work"
  PKG_CONFIG_PATH=${file%/*} make -C "$work" -f "$here/pkg_config/Makefile" embed
  run_embed "$work/embed"
}

# The consumer ends with 0 only if it received the event, which it also prints.
run_embed() {
  local printed
  printed=$("$1") || fail "$1 failed; it printed: $printed"
  [[ $printed == *'"category":"pattern","action":"deploy"'*'"sequence":'* ]] ||
    fail "$1 printed: $printed"
  printf 'received %s\n' "$printed"
}
