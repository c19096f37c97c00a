#!/bin/sh
# run.sh PROGRAM - unpacks Cedar's conformance data and runs PROGRAM on it.
# The data is looked for where WRIT_CEDAR_CONFORMANCE says, then beside the checkout; where it is
# absent the run is reported as skipped (77).
set -eu
program=$1
here=$(cd "$(dirname "$0")/../.." && pwd)
data=${WRIT_CEDAR_CONFORMANCE:-$here/../shared/cedar-conformance}
[ -f "$data/conformance.tar.xz" ] || data=$here/../../shared/cedar-conformance
if [ ! -f "$data/conformance.tar.xz" ]; then
    echo "conformance data not found: skipped (set WRIT_CEDAR_CONFORMANCE to its folder)"
    exit 77
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM
tar -xJf "$data/conformance.tar.xz" -C "$dir"
"$program" "$dir"
