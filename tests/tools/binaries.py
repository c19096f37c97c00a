#!/usr/bin/env python3
"""Reads the built programs: hardening that the linker was asked for, and what is linked into which.

usage: binaries.py PROGRAM...
"""
import os
import subprocess
import sys

# One process, one privilege: what must not even be linked.
FOREIGN = {
    "writ-gateway": ["writ_sandbox_", "writ_safe_", "writ_store_", "writ_log_", "sqlite3_"],
    "writ-keeper": ["writ_sandbox_", "writ_http1_", "writ_dns_", "cedar_", "SSL_CTX_new", "yaml_"],
    "writ-ledger": ["writ_sandbox_", "writ_http1_", "writ_dns_", "cedar_", "SSL_CTX_new", "sqlite3_", "yaml_"],
    "writ-init": ["writ_http1_", "cedar_", "EVP_", "yaml_", "sqlite3_"],
}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main():
    passed = failed = 0

    def check(ok, what):
        nonlocal passed, failed
        passed += bool(ok)
        failed += not ok
        if not ok:
            print("failed:", what)

    for path in sys.argv[1:]:
        name = os.path.basename(path)
        header, segments, dynamic = run("readelf", "-hW", path), run("readelf", "-lW", path), run("readelf", "-dW", path)
        check("DYN" in header, f"{name} is position independent")
        check("GNU_RELRO" in segments, f"{name} has RELRO")
        check("NOW" in dynamic or "INTERP" not in segments, f"{name} binds at start")
        stack = [l for l in segments.splitlines() if "GNU_STACK" in l]
        check(stack and "RWE" not in stack[0], f"{name} has no executable stack")
        check(not any("RWE" in l for l in segments.splitlines()), f"{name} has no writable code")
        symbols = [l.split()[-1].split("@")[0] for l in run("nm", path).splitlines() if l.split()]
        for prefix in FOREIGN.get(name, []):
            found = [s for s in symbols if s.startswith(prefix)]
            check(not found, f"{name} is linked with {found[:3]}")
    print(f"{passed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
