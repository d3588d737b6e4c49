#!/usr/bin/env bash
# Makes .venv with the real system (vineyardd and its Python client), which the interop tests need.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/pip install --quiet --requirement test/interop/requirements.txt
# The wheel ships the daemon without its run bit.
chmod +x .venv/lib/python3*/site-packages/vineyard/bdist/vineyardd
