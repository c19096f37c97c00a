#!/bin/sh
# docs_policy.sh WRIT PAGE - every section of the page that shows a policy is checked, and tested
# with the tests it shows.
set -eu
writ=$1
page=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM
awk -v dir="$dir" '
    /^## / { section++; system("mkdir -p " dir "/s" section); next }
    /^```cedar/ { out = dir "/s" section "/policy.cedar"; next }
    /^```json/ { out = dir "/s" section "/policy.test.json"; next }
    /^```/ { out = ""; next }
    out != "" { print > out }' "$page"
n=0
for s in "$dir"/s*; do
    [ -f "$s/policy.cedar" ] || continue
    "$writ" policy check "$s"
    "$writ" policy test "$s"
    "$writ" policy format --check "$s"
    n=$((n + 1))
done
echo "$n passed, 0 failed"
[ "$n" -ge 5 ]
