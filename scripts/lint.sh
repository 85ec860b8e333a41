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
unformatted=$(native_sources | xargs -0 "$clang_format" --dry-run -Werror 2>&1 | sed -n 's/^\(native[^:]*\):.*error:.*/\1/p' | sort -u)
if [ -n "$unformatted" ]; then
  printf 'not in the form of .clang-format; "npm run format" does it:\n%s\n' "$unformatted" >&2
  exit 1
fi
echo "clang-format: $(native_sources | tr -cd '\0' | wc -c) files"
