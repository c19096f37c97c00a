#!/bin/sh
# policy_cli.sh WRIT - what `writ policy` says no to, and how.
set -u
writ=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM
passed=0
failed=0

# expect CODE TEXT COMMAND.. - the exit code, and a piece of what is printed
expect() {
    code=$1
    text=$2
    shift 2
    out=$("$@" 2>&1)
    got=$?
    case $out in
    *"$text"*) ;;
    *) got="$got without \"$text\": $out" ;;
    esac
    if [ "$got" = "$code" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$*: expected $code, got $got" >&2
    fi
}

any='permit (principal, action, resource)'
one() { printf '%s\n' "$1" >"$dir/p.cedar"; }

one "$any when { context.input.pth == \"x\" };"
expect 1 'p.cedar:1:59: a record has no attribute `pth`; did you mean `path`?' "$writ" policy check "$dir"
expect 1 '"ok":false' "$writ" policy check "$dir" --json
one "$any when { context.input.query == \"x\" };"
expect 1 'the attribute `query` is optional' "$writ" policy check "$dir"
one 'forbid (principal, action == Writ::Action::"http:GTE", resource);'
expect 1 'did you mean `http:GET`?' "$writ" policy check "$dir"
one "$any"
expect 1 'found the end of the text' "$writ" policy check "$dir"
expect 1 'found the end of the text' "$writ" policy format "$dir"
expect 1 'no/such' "$writ" policy check "$dir/no/such"
expect 2 'usage' "$writ" policy
expect 2 'unexpected argument' "$writ" policy check "$dir" --nonsense

one "$any;"
expect 0 '1 policy is in order' "$writ" policy check "$dir"
expect 1 '0 passed, 0 failed' "$writ" policy test "$dir"
echo '[{"name":"n","request":{"service":"s"},"expect":"deny"}]' >"$dir/a.test.json"
expect 1 'a.test.json:1:2: n: the answer is allow' "$writ" policy test "$dir"
echo '[{"name":"n","request":{"service":"s"},"expect":"allow","policies":["other"]}]' >"$dir/a.test.json"
expect 1 'decided by: p.cedar:1' "$writ" policy test "$dir"
echo '[{"name":"n","request":{"service":"s","nonsense":1},"expect":"allow"}]' >"$dir/a.test.json"
expect 1 'a request has no such member' "$writ" policy test "$dir"
echo '[{"name":"n","request":{"service":"s","method":"BREW"},"expect":"allow"}]' >"$dir/a.test.json"
expect 1 'the schema has no such action' "$writ" policy test "$dir"
echo '[' >"$dir/a.test.json"
expect 1 'a.test.json:2:1' "$writ" policy test "$dir"

expect 0 'allow' "$writ" policy explain "$dir" --service s
expect 2 'explain needs --service' "$writ" policy explain "$dir"
one "$any when { context.input.path like \"/a/*\" && principal.uid == 0 };"
expect 1 'p.cedar:1:93: principal.uid == 0' "$writ" policy explain "$dir" --service s --path /a/b
one 'permit(principal,action,resource);'
expect 1 'is not formatted' "$writ" policy format --check "$dir"
expect 0 'p.cedar' "$writ" policy format "$dir"
expect 0 '' "$writ" policy format --check "$dir"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
