#!/bin/sh
# Style and types of everything: Biome, the TypeScript compiler, clang-format.
set -eu
cd "$(dirname "$0")/.."
. scripts/clang-format.sh

npx --no-install biome check --error-on-warnings
for project in tsconfig.json tsconfig.tools.json tsconfig.test.json; do
  echo "types: $project"
  npx --no-install tsc --noEmit -p "$project"
done
native_sources | xargs -0 "$clang_format" --dry-run -Werror
echo "clang-format: $(native_sources | tr -cd '\0' | wc -c) files"
