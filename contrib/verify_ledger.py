#!/usr/bin/env python3
"""Verify a ledger of writ without any of writ's code: Python's standard library alone.

usage: verify_ledger.py STATE [TASK]     STATE is the folder that holds ledger/

Prints one line for each file: "ok", "running" or "bad" with the first bad record, and exits 0 if
nothing is bad, 1 if something is, 2 on wrong use. The rules are those of docs/ledger.md.
"""
import fcntl
import hashlib
import json
import os
import re
import sys

ZEROS = "0" * 64
HEAD = re.compile(
    r'\{"v":1,"seq":([1-9][0-9]{0,19}),"time":"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]'
    r':[0-5][0-9]\.[0-9]{6}Z","task":"([0-9A-HJKMNP-TV-Z]{26})","kind":"([a-z]+\.[a-z]+)",'
    r'"from":"(launcher|gateway|keeper|ledger)"(,.*)?,"prev":"([0-9a-f]{64})"\}\Z', re.S)
LINE_MAX = 131072


def once(pairs):
    """An object in which no name stands twice, and no object stands in another."""
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names) or any(isinstance(v, dict) for _, v in pairs):
        raise ValueError("a member twice, or an object in a member")
    return dict(pairs)


def parse(line):
    """The record that a line holds, or None if it holds none."""
    try:
        text = line.decode("utf-8")
        found = HEAD.match(text)
        record = json.loads(text, object_pairs_hook=once)
    except ValueError:
        return None
    if found is None or len(line) >= LINE_MAX or any(c < " " or c == "\x7f" for c in text):
        return None
    if list(record)[-1] != "prev" or not all(isinstance(v, (str, int, list)) for v in record.values()):
        return None
    return record


def lines_of(fd):
    """All whole lines, and what stands behind the last newline."""
    with os.fdopen(os.dup(fd), "rb") as f:
        parts = f.read().split(b"\n")
    return parts[:-1], parts[-1]


class File:
    """One file on its way through the chain; bad holds the first (line, text)."""

    def __init__(self, name, task=None, running=False):
        self.name, self.task, self.running = name, task, running
        self.bad, self.records, self.last = None, 0, None

    def fail(self, line, text):
        if self.bad is None:
            self.bad = (line, text)

    def vouched(self, lines, n, digest, anchors):
        """Does what stands behind line n agree with it?"""
        follower = parse(lines[n]) if n < len(lines) else None
        if follower is not None:
            return follower["prev"] == digest
        known = [a["head"] for a in anchors if a["records"] == n]
        return known[0] == digest if known else True

    def check(self, lines, rest, anchors=(), each=None):
        head, by_number = ZEROS, {}
        for a in anchors:
            by_number.setdefault(a["records"], []).append(a)
        for n, line in enumerate(lines, 1):
            if self.bad is not None and each is None:
                return
            digest, record = hashlib.sha256(line).hexdigest(), parse(line)
            if record is None:
                self.fail(n, "not a record")
                continue
            if record["seq"] != n:
                self.fail(n, f"expected record {n}, found {record['seq']}")
            if self.task is not None and record["task"] != self.task:
                self.fail(n, "another task's record")
            if self.task is not None and self.last == "task.sealed":
                self.fail(n, "a record behind the seal")
            if record["prev"] != head:
                altered = n > 1 and self.vouched(lines, n, digest, anchors)
                self.fail(n - 1 if altered else n, "the chain is broken here")
            for a in by_number.get(n, ()):
                if a["head"] != digest:
                    self.fail(n, f"main.jsonl:{a['line']} has another hash")
            head, self.last, self.records = digest, record["kind"], n
            if each is not None:
                each(n, record)
        if rest and not self.running:
            self.fail(len(lines) + 1, "ends in the middle of a record")


def read_main(path, anchors):
    main = File("main.jsonl")

    def take(n, record):
        if record["kind"] == "ledger.torn":
            return
        records, head = record.get("records"), record.get("head")
        if record["kind"] not in ("task.start", "task.anchor", "task.sealed") or not records \
                or record["from"] != "ledger" or not re.fullmatch("[0-9a-f]{64}", str(head)):
            main.fail(n, "not an anchor")
            return
        anchors.setdefault(record["task"], []).append(
            {"line": n, "records": records, "head": head, "kind": record["kind"]})

    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        main.fail(0, "missing")
        return main
    fcntl.flock(fd, fcntl.LOCK_SH)
    lines, rest = lines_of(fd)
    os.close(fd)
    main.check(lines, rest, each=take)
    return main


def read_task(folder, task, running, anchors):
    f = File(f"tasks/{task}.jsonl", task, running)
    anchors = sorted(anchors, key=lambda a: (a["records"], a["line"]))
    try:
        fd = os.open(os.path.join(folder, task + ".jsonl"), os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as e:
        f.fail(0, f"cannot be read: {e.strerror}")
        return f
    lines, rest = lines_of(fd)
    os.close(fd)
    f.check(lines, rest, anchors)
    sealed = f.last == "task.sealed"
    in_main = any(a["kind"] == "task.sealed" for a in anchors)
    if not anchors and (not running or f.records > 1):
        f.fail(0, "the main log does not know this task")
    missing = [a for a in anchors if a["records"] > f.records]
    if missing:
        f.fail(f.records + 1, f"main.jsonl:{missing[0]['line']} knows {missing[0]['records']} records")
    if in_main and not sealed:
        f.fail(f.records, "the main log knows a seal")
    if not running and sealed and not in_main:
        f.fail(f.records, "the seal is not in the main log")
    if not running and not sealed:
        f.fail(f.records, "no seal, and nobody writes this log")
    f.running = running and not sealed
    return f


def is_written(path):
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(fd)


def main(argv):
    if len(argv) not in (2, 3):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    ledger = os.path.join(argv[1], "ledger")
    folder, found, anchors, results = os.path.join(ledger, "tasks"), {}, {}, []
    for name in sorted(n for n in os.listdir(folder) if n.endswith(".jsonl")):
        if re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}\.jsonl", name):
            found[name[:26]] = is_written(os.path.join(folder, name))
        else:
            results.append(File("tasks/" + name))
            results[-1].fail(0, "the name is not a task's")
    results.append(read_main(os.path.join(ledger, "main.jsonl"), anchors))
    for task in sorted(set(found) | set(anchors)):
        if len(argv) == 2 or argv[2] == task:
            results.append(read_task(folder, task, found.get(task, True), anchors.get(task, [])))
    for f in results:
        state = "bad" if f.bad else "running" if f.running else "ok"
        print(f"{state} {f.name}" + (f":{f.bad[0]}: {f.bad[1]}" if f.bad else f": {f.records} records"))
    return 1 if any(f.bad for f in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
