#!/bin/sh
# Installs the packed package into an empty project, as its user would, and tries what a user tries first.
set -eu
cd "$(dirname "$0")/.."
repository=$(pwd)
project=$(mktemp -d)
trap 'rm -rf "$project"' EXIT
step() { echo "test-pack: $1"; }
fail() {
  echo "test-pack: $1" >&2
  exit 1
}

step "packing"
npm pack --silent --pack-destination "$project" > /dev/null
tarball=$(cd "$project" && echo *.tgz)
contents=$(tar -tzf "$project/$tarball")
for needed in dist/lib/index.js dist/lib/index.d.ts dist/lib/cli/main.js dist/predictor/index.js dist/lib/ai-sdk/index.js native/addon/addon.cpp CMakeLists.txt binding.gyp LICENSE README.md; do
  echo "$contents" | grep -qx "package/$needed" || fail "$needed is not in the package"
done
if echo "$contents" | grep -vx package/docs/plan.schema.json |
  grep -E '\.gguf$|^package/(test|bench|models|docs)/|/test/|\.map$'; then fail "these are not for users"; fi

step "installing $tarball ($(du -k "$project/$tarball" | cut -f 1) KiB, $(echo "$contents" | wc -l) files)"
cd "$project"
echo '{ "name": "project", "private": true }' > package.json
npm install --no-audit --no-fund --silent "./$tarball"
[ ! -e node_modules/moeflow/build ] || fail "npm install has compiled something"
for command in moeflow moeflow-build; do [ -x "node_modules/.bin/$command" ] || fail "the command $command is not linked"; done
version=$(node -p 'require("moeflow/package.json").version')
[ "$(npx --no-install moeflow --version)" = "$version" ] || fail "moeflow --version is not $version"
mkdir models
cp "$repository/models/demo/moeflow-demo-q8_0.gguf" models/demo.gguf
if said=$(npx --no-install moeflow generate --model models/demo.gguf x 2>&1); then fail "it runs without an addon?"; fi
echo "$said" | grep -q 'npx moeflow-build' || fail "without an addon it says: $said"

step "building the addon"
npx --no-install moeflow-build

step "using it"
cat > program.mjs <<'JS'
import { loadModel } from 'moeflow';
const model = await loadModel('models/demo.gguf');
const { text } = await model.generate('In the beginning', { maxTokens: 8 }).result;
await model.dispose();
console.log(JSON.stringify(text));
JS
cat > program.cjs <<'JS'
const { loadModel } = require('moeflow');
loadModel('models/demo.gguf').then(async (model) => {
  const { text } = await model.generate('In the beginning', { maxTokens: 8 }).result;
  await model.dispose();
  console.log(JSON.stringify(text));
});
JS
imported=$(node program.mjs)
required=$(node --no-warnings program.cjs)
generated=$(npx --no-install moeflow generate --model models/demo.gguf --max-tokens 8 --json 'In the beginning' |
  node -p 'JSON.stringify(JSON.parse(require("fs").readFileSync(0, "utf8")).text)')
[ "${#imported}" -gt 4 ] || fail "import: no text"
[ "$imported" = "$required" ] || fail "require() gives $required, import $imported"
[ "$imported" = "$generated" ] || fail "the command gives $generated, import $imported"
npx --no-install moeflow doctor | grep -q "^addon .*$(basename "$project")/node_modules/moeflow/build/Release" || fail "another addon was loaded"
cat > provider.mjs <<'JS'
import { createMoeflow } from 'moeflow/ai-sdk';
const moeflow = createMoeflow({ model: 'models/demo.gguf' });
const prompt = [{ role: 'user', content: [{ type: 'text', text: 'In the beginning' }] }];
const { content } = await moeflow.completionModel('demo').doGenerate({ prompt, maxOutputTokens: 8 });
await moeflow.dispose();
console.log(JSON.stringify(content[0].text));
JS
provided=$(node provider.mjs)
[ "$provided" = "$imported" ] || fail "moeflow/ai-sdk gives $provided, import $imported"
step "import, require(), the command and moeflow/ai-sdk agree"

step "a server"
served=$(node --input-type=module -e "
import { loadModel } from 'moeflow';
import { createServer } from 'moeflow/server';
const model = await loadModel('models/demo.gguf');
const server = createServer(model);
const url = await server.listen({ port: 0 });
const body = JSON.stringify({ prompt: 'In the beginning', max_tokens: 8, temperature: 0 });
const answer = await fetch(url + '/v1/completions', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
console.log(JSON.stringify((await answer.json()).choices[0].text));
await server.close();
await model.dispose();")
[ "$served" = "$generated" ] || fail "the server gives $served"

step "routes, caches and plans"
echo 'In the beginning' > prompt.txt
echo 'Once upon a time' > other.txt
moeflow="npx --no-install moeflow"
$moeflow trace record prompt.txt other.txt --model models/demo.gguf --out routes --max-tokens 60 --ignore-eos
$moeflow trace info routes | grep -q '^sequences *2$' || fail "the trace has not two sequences"
$moeflow cache routes --slots 64 --policy all --html cache.html | grep -q belady || fail "moeflow cache says nothing of belady"
$moeflow plan routes --gpus 4 --solver exact --time-limit 2 --html plan.html | grep -q 'this plan' || fail "moeflow plan has no plan"
for page in cache.html plan.html; do grep -q 'uPlot' "$page" || fail "$page has no charts"; done
