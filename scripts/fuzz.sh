#!/bin/sh
# Feeds the GGUF reader with bytes that libFuzzer makes up, under the address and undefined behaviour sanitizers.
#   [FUZZ_SECONDS=60] [CLANG=clang++-14] scripts/fuzz.sh
# Inputs that reach new code are kept in fuzz-corpus/gguf for the next run, inputs that fail in fuzz-corpus/failures:
#   build-fuzz/moeflow_gguf_fuzzer fuzz-corpus/failures/crash-...   runs one of them again
set -eu
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}

clang=${CLANG:-}
for candidate in clang++-14 clang++; do
  if [ -z "$clang" ] && command -v "$candidate" > /dev/null; then clang=$candidate; fi
done
if [ -z "$clang" ]; then
  echo "fuzz: Clang is not installed. Install with: apt-get install clang-14 libclang-rt-14-dev" >&2
  exit 1
fi

cmake -S . -B build-fuzz -DCMAKE_CXX_COMPILER="$clang" -DCMAKE_C_COMPILER="$(echo "$clang" | sed 's/clang++/clang/')" \
  -DMOEFLOW_FUZZ=ON > /dev/null
cmake --build build-fuzz --target moeflow_gguf_fuzzer moeflow_gguf_corpus --parallel "${JOBS:-2}" > build-fuzz/build.txt || {
  cat build-fuzz/build.txt
  exit 1
}

mkdir -p fuzz-corpus/gguf fuzz-corpus/failures
build-fuzz/moeflow_gguf_corpus fuzz-corpus/gguf
build-fuzz/moeflow_gguf_fuzzer -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=65536 \
  -artifact_prefix=fuzz-corpus/failures/ -print_final_stats=1 fuzz-corpus/gguf > build-fuzz/log.txt 2>&1 || {
  tail -n 60 build-fuzz/log.txt
  exit 1
}
grep -E '^stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)|^Done' build-fuzz/log.txt
