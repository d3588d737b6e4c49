#!/usr/bin/env bash
# Packs the package, checks the tarball, installs it with several package managers, and runs a part of the suite with the
# packed binary on each supported version of Node.
set -euo pipefail
cd "$(dirname "$0")/.."
directory=$(mktemp -d)
trap 'rm -rf "$directory" prebuilds' EXIT
npm pack --silent --pack-destination "$directory"
tarball=$(echo "$directory"/*.tgz)
npx publint --strict "$tarball"
npx attw --profile esm-only "$tarball"

npm ci --silent --ignore-scripts --prefix test/package/tools
mocha() { "$1" --expose-gc node_modules/mocha/bin/mocha.js --no-config --timeout 300000 --reporter dot "${@:2}"; }
VINEYARD_TEST_TARBALL=$tarball mocha node 'build/test/package/*.test.js'

# From here on the checkout finds the packed binary before its own build.
tar --extract --file "$tarball" --strip-components=1 package/prebuilds
for version in 22 24 26; do
  node=test/package/tools/node_modules/node-$version/bin/node
  "$node" --version
  mocha "$node" --grep vineyardd --invert build/test/readme.test.js 'build/test/conformance/*.test.js' 'build/test/unit/native/*.test.js'
done
