#!/usr/bin/env bash
# Builds the addon with the address and undefined-behaviour sanitizers and runs the tests that exercise it.
# Everything is several times slower there, the watchdogs too. Not those that are about other libraries, nor the guide, whose
# shell commands start Node and other programs alike: the sanitizer must be loaded into the one and not into the others.
set -euo pipefail
cd "$(dirname "$0")/.."
npm run build:native:asan
export VINEYARD_STREAMS_BUILD=Debug
export ASAN_OPTIONS=detect_leaks=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
LD_PRELOAD="$(g++ -print-file-name=libasan.so)" node --expose-gc node_modules/mocha/bin/mocha.js --timeout 180000 \
  --ignore "build/test/libraries/**" --ignore build/test/examples.test.js \
  --ignore build/test/cluster/guide.test.js "$@"
