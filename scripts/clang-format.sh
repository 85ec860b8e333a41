# For lint.sh and format.sh: the formatter and what it is for. Versions differ in their results; 14 is the one of reference.
clang_format=
for candidate in clang-format-14 clang-format; do
  if [ -z "$clang_format" ] && command -v "$candidate" > /dev/null; then clang_format=$candidate; fi
done
if [ -z "$clang_format" ]; then
  echo "clang-format is not installed. Install with: apt-get install clang-format-14, or: pip install clang-format==14.0.6" >&2
  exit 1
fi

native_sources() { find native \( -name '*.cpp' -o -name '*.h' \) -print0; }
