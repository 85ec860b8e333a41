#!/bin/sh
# Searches the native code for mistakes with clang-tidy (.clang-tidy says for which).
#   scripts/tidy.sh              everything
#   scripts/tidy.sh gguf engine  some rooms
set -eu
cd "$(dirname "$0")/.."

tidy=
for candidate in clang-tidy-14 clang-tidy; do
  if [ -z "$tidy" ] && command -v "$candidate" > /dev/null; then tidy=$candidate; fi
done
if [ -z "$tidy" ]; then
  echo "tidy: clang-tidy is not installed. Install with: apt-get install clang-14 clang-tidy-14" >&2
  exit 1
fi

# Clang's own flags, or it stumbles over those that are for GCC; as under cmake-js, so that the addon is there.
headers="$(pwd)/node_modules/node-api-headers/include;$(pwd)/node_modules/node-addon-api"
cmake -S . -B build-tidy -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DMOEFLOW_NATIVE_TESTS=ON \
  -DCMAKE_C_COMPILER="${CC:-clang-14}" -DCMAKE_CXX_COMPILER="${CXX:-clang++-14}" \
  -DCMAKE_JS_VERSION=8 -DCMAKE_JS_INC="$headers" > /dev/null

# Of the instruction sets one stands for all: the same text is compiled for each.
files() {
  rooms=$(for room; do echo "native/$room"; done)
  find ${rooms:-native} -name '*.cpp' ! -path '*/test/*' ! -path 'native/fuzz/*' ! -path 'native/bench/*' ! -name test_main.cpp \
    ! -name avx2.cpp ! -name avx512.cpp ! -name amx.cpp ! -name neon.cpp | sort
}
echo "clang-tidy: $(files "$@" | wc -l) files"
files "$@" | xargs -P "${JOBS:-2}" -I {} sh -c \
  '"$1" --quiet -p build-tidy "$2" 2> build-tidy/errors.$$ || { cat build-tidy/errors.$$; exit 1; }' sh "$tidy" {}
rm -f build-tidy/errors.*
