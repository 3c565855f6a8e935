#!/usr/bin/env bash
# Installs the Debian 12 packages that a group of tasks needs, if any is missing:
#   tools/dev/install_packages.sh build|test|dev...
# Without a missing package it only looks, which takes some milliseconds.
# CARILLON_SKIP_PACKAGES=1: never installs; you have seen to it yourself.
set -euo pipefail

build=(
  g++ cmake ninja-build ccache
  libboost1.81-dev libconcurrentqueue-dev libsimdjson-dev
  librocksdb-dev libpq-dev libcurl4-openssl-dev libssl-dev prometheus-cpp-dev
  libcli11-dev libfmt-dev libspdlog-dev libtomlplusplus-dev libjemalloc-dev
)
test=(
  libgtest-dev libgmock-dev libbenchmark-dev liburcu-dev liburing-dev
  clang-14 clang-format-14 libclang-rt-14-dev doxygen git spin
  dpkg-dev file make pkg-config
  python3 python3-websockets curl ca-certificates
  postgresql-15 postgresql-client-15
)
dev=(
  clang-tidy-14 golang-go shellcheck gdb
  nginx libnginx-mod-nchan nats-server mosquitto python3-pip libuv1
)

# Any Node.js will do; one from elsewhere is not replaced.
command -v node >/dev/null || test+=(nodejs)

say() { printf 'carillon: %s\n' "$*" >&2; }
fail() {
  say "$@"
  exit 1
}

wanted=()
for group in "$@"; do
  case $group in
    build) wanted+=("${build[@]}") ;;
    test) wanted+=("${test[@]}") ;;
    dev) wanted+=("${dev[@]}") ;;
    *) fail "unknown group of packages '$group'; known are build, test, dev" ;;
  esac
done
((${#wanted[@]})) || fail "usage: ${0##*/} build|test|dev..."
[[ -z ${CARILLON_SKIP_PACKAGES:-} ]] || exit 0

# shellcheck source=/dev/null
distribution=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown} ${VERSION_ID:-}") || true
[[ $distribution == "debian 12" ]] || fail \
  "this knows the package names of Debian 12, and here is ${distribution:-an unknown system};" \
  "install the equivalents of: ${wanted[*]}; then set CARILLON_SKIP_PACKAGES=1"

# dpkg-query fails if one of the names is unknown to it: that one is missing.
installed=" $(dpkg-query -W -f '${db:Status-Status}/${Package} ' "${wanted[@]}" 2>/dev/null || true)"
missing=()
for package in "${wanted[@]}"; do
  [[ $installed == *" installed/$package "* ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || fail \
    "packages are missing, and this is neither root nor is there sudo; as root run:" \
    "apt-get install --no-install-recommends ${missing[*]}"
  as_root=(sudo)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A machine that lives for one run need not survive a power cut halfway.
options=(-q -o DPkg::Lock::Timeout=300)
[[ -z ${CI:-} ]] || options+=(-o Dpkg::Options::=--force-unsafe-io)
# apt's pages of output are of interest only if it fails.
apt_get() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" "$@" \
    </dev/null >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    fail "apt-get $1 failed; its last lines are above"
  }
}

say "reading the package lists (apt-get update)"
apt_get update
say "installing ${missing[*]}"
apt_get install --no-install-recommends --yes "${missing[@]}"
