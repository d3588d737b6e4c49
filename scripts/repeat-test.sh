#!/usr/bin/env bash
# repeat-test.sh N [mocha arguments]: runs the suite N times, until the first failure; a line of a table for each run.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:?"how many times?"}
shift
npm run build:ts --silent && npm run build:test --silent && npm run build:bench --silent
log=$(mktemp)
trap 'rm -f "$log"' EXIT

count() { grep -oE "^ +[0-9]+ $1" "$log" | grep -oE '[0-9]+' || echo 0; }

printf '%5s %9s %9s %9s %9s %6s\n' run passing pending failing seconds load
for ((run = 1; run <= runs; run++)); do
  start=$SECONDS
  status=0
  npx mocha --reporter dot "$@" > "$log" 2>&1 || status=$?
  printf '%5s %9s %9s %9s %9s %6s\n' \
    "$run" "$(count passing)" "$(count pending)" "$(count failing)" $((SECONDS - start)) "$(cut -d' ' -f1 /proc/loadavg)"
  if [ "$status" != 0 ]; then
    tail -n 200 "$log"
    exit "$status"
  fi
done
