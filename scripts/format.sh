#!/bin/sh
# Puts everything into the form that scripts/lint.sh asks for.
set -eu
cd "$(dirname "$0")/.."
. scripts/clang-format.sh

npx --no-install biome check --write
native_sources | xargs -0 "$clang_format" -i
