#!/usr/bin/env bash
# Builds the addon with the address and undefined-behaviour sanitizers and runs the tests that take the native code somewhere.
# Everything is several times slower there, the watchdogs too.
set -euo pipefail
cd "$(dirname "$0")/.."

# In build/test. A test is in unless it is named here, with what it would add.
left_out=(
  # Nothing: other libraries, README, guides and examples use the package as conformance does. Their commands start Node and
  # other programs alike, and the sanitizer must be loaded into the one and not into the others.
  'libraries/**' examples.test.js readme.test.js
  # Nothing: it is the same client, of vineyardds on several machines.
  'cluster/**'
  # Nothing: TypeScript. Each of the command line's tests starts processes, which takes seconds there.
  'unit/cli/**' fuzz/cli.test.js
  'unit/diagnostics/**' 'unit/objects/**' 'unit/protocol/**' fuzz/arrow.test.js
  unit/package/errors.test.js unit/package/options.test.js
  # Nothing: what values and names become on the other side, in the frames of the other tests of interop.
  interop/names.test.js interop/objects-from-python.test.js interop/objects-to-python.test.js
  interop/properties.test.js interop/put-back.test.js interop/seed-page.test.js interop/stream-groups.test.js
  # Little: for the native code a peer that dies is a socket that closes, at any byte in unit/native and with memory that
  # is being looked at in lifetime/kills and lifetime/server-death. What differs is when, and what TypeScript does then.
  lifetime/kills-vineyardd.test.js lifetime/random-kills.test.js
  # Nothing: how much memory a process has, of which the sanitizer keeps what was freed.
  lifetime/tcp-memory.test.js
)
for pattern in "${left_out[@]}"; do
  compgen -G "test/${pattern/%.js/.ts}" > /dev/null || { echo "error: there is no test $pattern to leave out"; exit 1; }
done

npm run build:native:asan
export VINEYARD_STREAMS_BUILD=Debug
export ASAN_OPTIONS=detect_leaks=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
LD_PRELOAD="$(g++ -print-file-name=libasan.so)" node --expose-gc node_modules/mocha/bin/mocha.js --timeout 180000 \
  "${left_out[@]/#/--ignore=build/test/}" "$@"
