#!/usr/bin/env python3
"""Only the files that tools/secret-users lists may reach base/secret.h, directly or not.

usage: secret_users.py SOURCE-ROOT

A header that includes it hands it on: whoever includes that header must be in the same folder as
one that is listed, so that secrets do not spread to other programs by a chain of headers.
"""
import os
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.M)


def sources(root):
    for top in ("src", "tests", "fuzz", "bench"):
        for folder, _, files in os.walk(os.path.join(root, top)):
            for f in files:
                if f.endswith((".c", ".h", ".def")):
                    yield os.path.relpath(os.path.join(folder, f), root)


def problems(root):
    with open(os.path.join(root, "tools/secret-users")) as h:
        allowed = {line.strip() for line in h if line.strip() and not line.startswith("#")}
    folders = {os.path.dirname(f) for f in allowed}
    includes = {}
    for f in sources(root):
        with open(os.path.join(root, f), encoding="utf-8") as h:
            includes[f] = set(INCLUDE.findall(h.read()))
    direct = {f for f, inc in includes.items()
              if any(os.path.basename(i) == "secret.h" for i in inc)}
    for f in sorted(direct - allowed):
        yield f"{f} includes base/secret.h and is not in tools/secret-users"
    for f in sorted(allowed):
        if f not in includes:
            yield f"tools/secret-users names {f}, which does not exist"
        elif f not in direct and f != "src/base/secret.c":
            yield f"tools/secret-users names {f}, which does not include base/secret.h"
    reach = {"base/secret.h"} | {f[4:] for f in direct if f.startswith("src/") and f.endswith(".h")}
    grown = True
    while grown:
        more = {f[4:] for f, inc in includes.items()
                if f.startswith("src/") and f.endswith(".h") and inc & reach} - reach
        reach |= more
        grown = bool(more)
    for f, inc in sorted(includes.items()):
        if f.startswith("src/") and f not in direct and inc & reach \
                and os.path.dirname(f) not in folders:
            yield f"{f} reaches base/secret.h through {', '.join(sorted(inc & reach))}"


def self_test():
    """The check finds what it is for."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in (
                ("tools/secret-users", "src/base/secret.c\nsrc/a/ok.h\n"),
                ("src/base/secret.c", '#include "base/secret.h"\n'),
                ("src/a/ok.h", '#include "base/secret.h"\n'),
                ("src/a/friend.c", '#include "a/ok.h"\n'),
                ("src/b/direct.c", '#  include "base/secret.h"\n'),
                ("src/b/through.c", '#include "a/ok.h"\n'),
                ("src/b/clean.c", '#include "base/span.h"\n')):
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w") as h:
                h.write(text)
        found = sorted(p.split()[0] for p in problems(root))
    return found == ["src/b/direct.c", "src/b/through.c"]


found = list(problems(sys.argv[1]))
for p in found:
    print(p, file=sys.stderr)
bad = len(found) + (0 if self_test() else 1)
print(f"{2 - min(bad, 2)} passed, {bad} failed")
sys.exit(1 if bad else 0)
