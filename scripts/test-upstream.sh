#!/usr/bin/env bash
# Runs the tests of upstream's own suite that use shared memory (they ship inside the wheel) against the embedded store,
# and prints how many of those that pass on a real vineyardd pass here. Needs .venv: bash scripts/make-venv.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
directory=$(mktemp -d)
servers=()
# Nothing in the servers is worth saving.
trap 'kill -KILL "${servers[@]}" 2>/dev/null || true; rm -rf "$directory"' EXIT

node dist/cli/main.js serve --socket "$directory/store.sock" --size 1Gi 2>"$directory/store.log" &
servers+=($!)
# The fixtures of the suite open an RPC client beside the one under test. The store has no RPC endpoint yet, so a real
# vineyardd lends its; no test in the list uses it.
port=$(node -e "const s=require('net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})")
cd .venv/lib/python3*/site-packages/vineyard
bdist/vineyardd --socket "$directory/vineyardd.sock" --size 64Mi --meta local --rpc_socket_port "$port" \
  2>"$directory/vineyardd.log" &
servers+=($!)
# Each says in its log that it listens.
await() { grep -q -m1 -E "$3" < <(tail --pid="$1" -n +1 -F "$2" 2>/dev/null); }
await "${servers[0]}" "$directory/store.log" 'listening on'
await "${servers[1]}" "$directory/vineyardd.log" 'listen on .* for RPC'

mapfile -t tests < "$root/test/interop/upstream-tests.txt"
status=0
"$root/.venv/bin/python" -m pytest -q --timeout 60 -p no:cacheprovider --rootdir=. \
  --vineyard-ipc-socket="$directory/store.sock" --vineyard-endpoint="127.0.0.1:$port" "${tests[@]}" |
  tee "$directory/log" || status=1
passed=$(grep -oE '[0-9]+ passed' "$directory/log" | grep -oE '[0-9]+' || echo 0)
echo "upstream: $passed of ${#tests[@]}"
[ "$passed" -eq "${#tests[@]}" ] || status=1
exit "$status"
