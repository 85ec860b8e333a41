#!/bin/sh
# Builds the native code with sanitizers and runs its tests.
#   scripts/test-native.sh [asan|tsan|all, default all] [arguments for the test program, as in --test-case=*gguf*]
# asan: addresses, undefined behaviour and leaks, in build-asan. tsan: data races, in build-tsan.
set -eu
cd "$(dirname "$0")/.."
which=${1:-all}
[ $# -eq 0 ] || shift

build_and_run() { # directory, sanitizers, arguments for the test program
  directory=$1 sanitizers=$2
  shift 2
  cmake -S . -B "$directory" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O1 -DNDEBUG" \
    -DMOEFLOW_NATIVE_TESTS=ON -DMOEFLOW_SANITIZE="$sanitizers" > /dev/null
  cmake --build "$directory" --target moeflow_native_tests --parallel "${JOBS:-2}" > "$directory/build.txt" || {
    cat "$directory/build.txt"
    exit 1
  }
  echo "$sanitizers:"
  $without_random_addresses "$directory/moeflow_native_tests" "$@"
}

asan() {
  without_random_addresses=
  export ASAN_OPTIONS="detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
  export UBSAN_OPTIONS="print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
  build_and_run build-asan address,undefined "$@"
}

tsan() {
  # Older runtimes cannot place their shadow memory when the system spreads addresses over more than 28 bits.
  without_random_addresses=
  bits=$(cat /proc/sys/vm/mmap_rnd_bits 2> /dev/null || echo 0)
  if [ "$bits" -gt 28 ] && setarch -R true 2> /dev/null; then without_random_addresses='setarch -R'; fi
  export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1${TSAN_OPTIONS:+:$TSAN_OPTIONS}"
  build_and_run build-tsan thread "$@"
}

case $which in
  asan) asan "$@" ;;
  tsan) tsan "$@" ;;
  all)
    asan "$@"
    tsan "$@"
    ;;
  *)
    echo "test-native: $which is none of asan, tsan and all" >&2
    exit 2
    ;;
esac
