#!/bin/sh
# The demo: starts a tracker that wants a token, keeps the token in writ, runs the job, shows the ledger.
# usage: run.sh [path of writ]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
writ=${1:-writ}
dir=$(mktemp -d "${TMPDIR:-/tmp}/writ-demo.XXXXXX")
nginx_pid=
trap '[ -z "$nginx_pid" ] || kill "$nginx_pid" 2>/dev/null; rm -rf "$dir"' EXIT INT TERM
export WRIT_HOME="$dir/state"
PATH=$PATH:/usr/sbin

# The tracker: a CA, a certificate, a token, a free port.
mkdir -p "$dir/tracker/www" "$dir/tracker/tmp" "$dir/job/out"
chmod 755 "$dir" # nginx, started by root, reads as somebody else
cp "$here/tracker/issues.json" "$dir/tracker/www/"
cp "$here/profile.yaml" "$here/policy.cedar" "$here/report.py" "$here/planted.sh" "$dir/job/"
token=trk_$(openssl rand -hex 10)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$dir/tracker"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=demo CA" \
  -keyout ca.key -out "$dir/job/tracker-ca.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=api.tracker.test" \
  -keyout tracker.key -out tracker.csr 2>/dev/null
printf 'subjectAltName=DNS:api.tracker.test\n' > ext
openssl x509 -req -in tracker.csr -CA "$dir/job/tracker-ca.pem" -CAkey ca.key -CAcreateserial -days 2 \
  -extfile ext -out tracker.pem 2>/dev/null
sed "s#@DIR@#$dir/tracker#; s#@PORT@#$port#; s#@TOKEN@#$token#" "$here/tracker/nginx.conf.in" > nginx.conf
sed -i "s#@DIR@#$dir/tracker#g" nginx.conf
nginx -c "$dir/tracker/nginx.conf" -e "$dir/tracker/error.log" -p "$dir/tracker" 2>/dev/null & nginx_pid=$!
sed -i "s#127.0.0.1:8443#127.0.0.1:$port#" "$dir/job/profile.yaml"
n=0
until curl -s -o /dev/null --cacert "$dir/job/tracker-ca.pem" --connect-to "api.tracker.test:443:127.0.0.1:$port" \
  https://api.tracker.test/v2/issues; do
  n=$((n + 1)); [ $n -lt 100 ] || { echo "the demo's nginx did not start:"; cat "$dir/tracker/error.log"; exit 1; }
  sleep 0.05
done

# The token goes into the keeper, once; the job is run as a task.
printf %s "$token" | "$writ" credential add tracker-token --env staging > /dev/null
printf '\n$ writ run --profile job    # a planted shell tries to get out of it\n'
cd "$dir"
"$writ" run --profile job
printf '\n$ cat job/out/report.md     # what the job itself was for\n'
sed '/^$/d' job/out/report.md
found=$(grep -rlF "$token" job || true)
printf '\nfiles of the job with the token in them: %s\n' "${found:-none}"
printf '\n$ writ audit show last --brief\n'
"$writ" audit show last --brief
[ -z "$found" ] && grep -q 'Typo in the welcome mail' job/out/report.md
