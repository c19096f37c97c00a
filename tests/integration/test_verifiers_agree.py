#!/usr/bin/env python3
"""Our verifier and the independent one in contrib/ must say the same about mutated ledgers.

usage: test_verifiers_agree.py AUDIT_MAIN VERIFY_LEDGER.PY [COUNT] [SEED]
"""
import contextlib
import importlib.util
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

TASK = "01M7Z9GD7080HAVE0STRY00000"
FILES = ["main.jsonl", f"tasks/{TASK}.jsonl"]


def edit(r, data):
    at = r.randrange(len(data))
    return data[:at] + bytes([r.choice([data[at] ^ (1 << r.randrange(8)), 0x30, 0x61, 0x22, 0x0A, 0x00, 0xFF])]) + data[at + 1:]


def cut(r, data):
    return data[:r.randrange(len(data))]


def cut_lines(r, data):
    lines = data.splitlines(True)
    return b"".join(lines[:r.randrange(len(lines))])


def delete(r, data):
    lines = data.splitlines(True)
    del lines[r.randrange(len(lines))]
    return b"".join(lines)


def double(r, data):
    lines = data.splitlines(True)
    at = r.randrange(len(lines))
    lines.insert(r.randrange(len(lines) + 1), lines[at])
    return b"".join(lines)


def swap(r, data):
    lines = data.splitlines(True)
    a, b = r.randrange(len(lines)), r.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines)


def splice(r, data):
    a, b = sorted((r.randrange(len(data)), r.randrange(len(data))))
    return data[:a] + data[b:]


def append(r, data):
    return data + r.choice([b"{}\n", b"x", b"\n", data.splitlines(True)[-1], b'{"v":2,"seq":4}\n'])


def retell(r, data):
    """Whole words, so that the line stays JSON and a record."""
    for old, new in r.sample([(b'"allow"', b'"deny"'), (b'"v":1', b'"v":2'), (b'"GET"', b'"PUT"'),
                              (b'gateway', b'keeper'), (b'task.sealed', b'task.anchor'),
                              (b'"uid":1000', b'"uid":1001'), (b'"status":200', b'"status":0200'),
                              (b'"seq":3,', b'"seq":3,"seq":3,'), (b'"head":', b'"HEAD":')], 9):
        if old in data:
            return data.replace(old, new, 1)
    return data


def remove(_r, _data):
    return None


def ours(program, state):
    out = subprocess.run([program, "verify", "--json"], env={"WRIT_HOME": state},
                         capture_output=True, check=False)
    found = [json.loads(line) for line in out.stdout.splitlines()]
    return out.returncode, sorted((f["file"], f["verdict"], f.get("line", 0)) for f in found)


def theirs(module, state):
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        code = module.main(["verify_ledger.py", state])
    found = []
    for line in text.getvalue().splitlines():
        verdict, rest = line.split(" ", 1)
        name, rest = rest.split(":", 1)
        found.append((name, verdict, int(rest.split(":")[0]) if verdict == "bad" else 0))
    return code, sorted(found)


def main(argv):
    program, path = os.path.abspath(argv[1]), argv[2]
    count = int(argv[3]) if len(argv) > 3 else 400
    r = random.Random(int(argv[4]) if len(argv) > 4 else 7)
    spec = importlib.util.spec_from_file_location("verify_ledger", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    top = tempfile.mkdtemp(prefix="writ-agree-")
    passed = failed = bad = 0
    try:
        state = os.path.join(top, "state")
        subprocess.run([program, "story", state], check=True)
        whole = {f: open(os.path.join(state, "ledger", f), "rb").read() for f in FILES}
        for i in range(count + 1):
            for f in FILES:
                with open(os.path.join(state, "ledger", f), "wb") as out:
                    out.write(whole[f])
            how, where = None, FILES[i % 2]
            if i > 0:  # the first round is the ledger as it is
                how = r.choice([edit, edit, edit, cut, cut_lines, delete, double, swap, splice,
                                append, retell, retell, remove])
                data = how(r, whole[where])
                if data is None:
                    os.unlink(os.path.join(state, "ledger", where))
                else:
                    with open(os.path.join(state, "ledger", where), "wb") as out:
                        out.write(data)
            a, b = ours(program, state), theirs(module, state)
            bad += a[0]
            if a == b and a[0] in (0, 1) and (i > 0 or a[0] == 0):
                passed += 1
            else:
                failed += 1
                print(f"round {i} ({how and how.__name__} of {where}):\n  ours   {a}\n  theirs {b}",
                      file=sys.stderr)
        # what is left unfound changed nothing, or the time of the newest line of the main log
        if bad < count * 9 // 10:
            failed += 1
            print(f"only {bad} of {count} mutations were found", file=sys.stderr)
    finally:
        shutil.rmtree(top)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
