#!/usr/bin/env bash
# Runs the tests of upstream's own suite that use shared memory (they ship inside the wheel) against the embedded store,
# and prints how many of those that pass on a real vineyardd pass here. Needs .venv: bash scripts/make-venv.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
directory=$(mktemp -d)
socket=$directory/store.sock
node dist/cli/main.js serve --socket "$socket" --size 1Gi 2>"$directory/serve.log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; rm -rf "$directory"' EXIT
# The first line says that it listens.
until grep -q listening "$directory/serve.log"; do kill -0 "$server"; sleep 0.1; done

mapfile -t tests < <(grep -v '^#' test/interop/upstream-tests.txt)
cd "$root"/.venv/lib/python3*/site-packages/vineyard
status=0
"$root/.venv/bin/python" -m pytest -q --timeout 60 -p no:cacheprovider --rootdir=. \
  --vineyard-ipc-socket="$socket" --vineyard-endpoint=127.0.0.1:1 "${tests[@]}" | tee "$directory/log" || status=1
passed=$(grep -oE '[0-9]+ passed' "$directory/log" | grep -oE '[0-9]+' || echo 0)
echo "upstream: $passed of ${#tests[@]}"
exit "$status"
