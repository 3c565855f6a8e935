#!/usr/bin/env bash
# Builds Carillon and starts the server: tools/run.sh [carillond options]
# Installs missing packages (Debian 12, as root or with sudo). A second run finds
# everything done and starts at once. Progress goes to standard error.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
build_dir=$root/build/release
# ccache reads the dependencies from the compiler instead of preprocessing first:
# a fresh build takes 7 % less.
export CCACHE_DEPEND=1
say() { printf 'carillon: %s\n' "$*" >&2; }

"$root/tools/dev/install_packages.sh" build

# Tests and benchmarks, which the preset has, would need more packages.
# Ninja runs CMake again by itself when a CMakeLists.txt changes, but it does
# not know of the presets; this mark is as old as the last run that read them.
mark=$build_dir/.configured-by-run
if [[ ! -e $mark || $root/CMakePresets.json -nt $mark ]]; then
  say "configuring build/release"
  (cd -- "$root" && cmake --preset release --log-level=NOTICE \
    -DCARILLON_BUILD_TESTS=OFF -DCARILLON_BUILD_BENCH=OFF) >&2
  touch "$mark"
fi

say "building carillond and carillon with $(nproc) jobs"
cmake --build "$build_dir" --target carillond carillon --parallel "$(nproc)" >&2

say "starting build/release/bin/carillond $*"
exec "$build_dir/bin/carillond" "$@"
