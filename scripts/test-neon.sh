#!/bin/sh
# Builds the native code for AArch64 with a cross compiler and runs the kernel tests in an emulator, on processors with
# the dot product extension (the neon set) and on one without it (the portable set alone).
#   scripts/test-neon.sh [build directory, default build-neon]
# Needs: apt-get install g++-aarch64-linux-gnu qemu-user cmake doctest-dev
set -eu
cd "$(dirname "$0")/.."
build=${1:-build-neon}
root=/usr/aarch64-linux-gnu
doctest=${DOCTEST_INCLUDE:-/usr/include}/doctest

missing=
need() { # package, then the commands or files of which one has to exist
  package=$1
  shift
  for candidate; do
    if command -v "$candidate" > /dev/null || [ -f "$candidate" ]; then return; fi
  done
  missing="$missing $package"
}
need g++-aarch64-linux-gnu aarch64-linux-gnu-g++
need qemu-user qemu-aarch64 qemu-aarch64-static
need cmake cmake
need doctest-dev "$doctest/doctest.h"
if [ -n "$missing" ]; then
  echo "test-neon: not installed:$missing. Install with: apt-get install$missing" >&2
  exit 1
fi
qemu=$(command -v qemu-aarch64 || command -v qemu-aarch64-static)

# A folder with nothing but doctest: /usr/include itself would bring in the headers of the machine that builds.
mkdir -p "$build/include"
ln -sfn "$doctest" "$build/include/doctest"
include=$(cd "$build/include" && pwd)
cmake -S . -B "$build" -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
  -DCMAKE_CXX_FLAGS="-isystem $include" -DDOCTEST_INCLUDE="$include" -DMOEFLOW_NATIVE_TESTS=ON > /dev/null
cmake --build "$build" --target moeflow_native_tests -j "${JOBS:-2}" > "$build/build.txt" || {
  cat "$build/build.txt"
  exit 1
}

# The tests compare the sets that the processor has: make sure that it has those it should.
cat > "$build/sets.cpp" <<'CPP'
#include <cstdio>

#include "kernels/kernels.h"
int main() { std::puts(moeflow::available_kernels()); }
CPP
aarch64-linux-gnu-g++ -std=c++20 -Inative "$build/sets.cpp" "$build/libmoeflow_core.a" -pthread -o "$build/sets"

run() { # processor, the sets that it should have
  sets=$("$qemu" -L "$root" -cpu "$1" "$build/sets")
  if [ "$sets" != "$2" ]; then
    echo "test-neon: on $1 the kernel sets are '$sets', expected '$2'" >&2
    exit 1
  fi
  echo "$1: $sets"
  "$qemu" -L "$root" -cpu "$1" "$build/moeflow_native_tests" --source-file='*native/kernels/test*' --count | grep -q ': [1-9]'
  "$qemu" -L "$root" -cpu "$1" "$build/moeflow_native_tests" --source-file='*native/kernels/test*'
}
run cortex-a76 "neon, portable, reference"
run neoverse-n1 "neon, portable, reference"
run cortex-a53 "portable, reference"
