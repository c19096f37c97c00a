#!/bin/sh
# run.sh PROGRAM SECONDS [SEED] - compares libcedar with the official engine, cedar-wasm.
# The engine is an npm package, looked for in WRIT_CEDAR_WASM or beside this script
# (npm install --prefix tests/differential); where it or node is absent the run is skipped (77).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
modules=${WRIT_CEDAR_WASM:-$here/node_modules}
command -v node >/dev/null || { echo "node not found: skipped"; exit 77; }
if [ ! -d "$modules/@cedar-policy/cedar-wasm" ]; then
    echo "cedar-wasm not found: skipped (npm install --prefix tests/differential)"
    exit 77
fi
exec node "$here/fuzz.js" "$modules/@cedar-policy/cedar-wasm/nodejs" "$@"
