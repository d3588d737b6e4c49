#!/usr/bin/env bash
# Runs the tests of upstream's own suite that pass on a real vineyardd (they ship inside the wheel) against the embedded
# store, over shared memory and over TCP, and prints how many pass here. Needs .venv: bash scripts/make-venv.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
directory=$(mktemp -d)
servers=()
# Nothing in the servers is worth saving.
trap 'kill -KILL "${servers[@]}" 2>/dev/null || true; rm -rf "$directory"' EXIT

node dist/cli/main.js serve --socket "$directory/store.sock" --size 1Gi --rpc 127.0.0.1:0 2>"$directory/store.log" &
servers+=($!)
# It says where it listens.
grep -q -m1 'listening on' < <(tail --pid="${servers[0]}" -n +1 -F "$directory/store.log" 2>/dev/null)
endpoint=$(sed -n 's/.* and \(.*\)$/\1/p' "$directory/store.log")
cd .venv/lib/python3*/site-packages/vineyard

mapfile -t tests < "$root/test/interop/upstream-tests.txt"
status=0
"$root/.venv/bin/python" -m pytest -q --durations=8 --timeout 60 -p no:cacheprovider --rootdir=. \
  --vineyard-ipc-socket="$directory/store.sock" --vineyard-endpoint="$endpoint" "${tests[@]}" |
  tee "$directory/log" || status=1
passed=$(grep -oE '[0-9]+ passed' "$directory/log" | grep -oE '[0-9]+' || echo 0)
echo "upstream: $passed of ${#tests[@]}"
[ "$passed" -eq "${#tests[@]}" ] || status=1
exit "$status"
