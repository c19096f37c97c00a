#!/usr/bin/env python3
"""writ credential as a person and a script use it.

usage: credential.py WRIT-CREDENTIAL FOLDER-OF-writ-keeper MESSAGES.DEF
"""
import json
import os
import pty
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

CLI, LIBEXEC, MESSAGES = sys.argv[1:4]
passed = failed = 0


def check(ok, what, detail=""):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print(f"failed: {what} {detail}", file=sys.stderr)


def env(home, **more):
    # the leak check traces its own process, which nobody may do to one that holds a secret
    return {"WRIT_HOME": home, "WRIT_LIBEXEC": LIBEXEC, "PATH": "/usr/bin:/bin",
            "ASAN_OPTIONS": "detect_leaks=0", **more}


def run(home, *args, value=b"", **more):
    p = subprocess.run([CLI, *args], input=value, capture_output=True, env=env(home, **more),
                       timeout=60)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def on_terminal(home, args, answers):
    """Runs with a terminal of its own; answers is a list of (prompt, what to type)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(CLI, [CLI, *args], env(home))
    seen = b""
    at = 0
    for prompt, text in answers:
        deadline = time.time() + 20
        while prompt.encode() not in seen[at:] and time.time() < deadline:
            if select.select([fd], [], [], 0.2)[0]:
                try:
                    data = os.read(fd, 4096)
                except OSError:
                    break
                if not data:
                    break
                seen += data
        at = len(seen)
        # the prompt is out before the echo is off; what is typed earlier is thrown away
        time.sleep(0.15)
        try:
            os.write(fd, text.encode() + b"\n")
        except OSError:
            pass
    while True:
        try:
            data = os.read(fd, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    return os.waitstatus_to_exitcode(status), seen.decode(errors="replace")


def tree(home):
    out = {}
    for folder, _, files in os.walk(home):
        for f in files:
            with open(os.path.join(folder, f), "rb") as h:
                out[os.path.join(folder, f)] = h.read()
    return out


def test_ordinary(home):
    rc, out, err = run(home, "list")
    check(rc == 0 and out == "" and "no credentials yet" in err, "an empty list", out + err)
    rc, out, err = run(home, "list", "--json")
    check(rc == 0 and json.loads(out) == [], "an empty list as JSON", out + err)
    rc, out, err = run(home, "add", "tracker-token", "--env", "staging", value=b"tok-one")
    check(rc == 0 and "added tracker-token, env staging, version 1" in out, "add", out + err)
    rc, out, err = run(home, "add", "plain", "--trim", value=b"tok-two\r\n")
    check(rc == 0 and "added plain, version 1" in out, "add --trim", out + err)
    rc, out, err = run(home, "add", "--env=x", "more", value="caf\u00e9 \u2713".encode())
    check(rc == 0, "options before the name, UTF-8", out + err)
    rc, out, err = run(home, "rotate", "plain", value=b"tok-three")
    check(rc == 0 and "rotated plain, version 2" in out, "rotate", out + err)
    rc, out, err = run(home, "list")
    lines = out.splitlines()
    check(rc == 0 and len(lines) == 4 and len({l.rstrip().rfind("  ") for l in lines}) == 1,
          "the table's columns are aligned", out)
    check(re.match(r"NAME +ENV +VERSION +ADDED +LAST USED +FINGERPRINT$", lines[0]), "head", out)
    check(re.search(r"^plain +- +2 +\d{4}-\d\d-\d\d \d\d:\d\d UTC +never +[0-9a-f]{8}$", out,
                    re.M), "a row", out)
    rc, out, _ = run(home, "list", "--json")
    rows = json.loads(out)
    check([r["name"] for r in rows] == ["more", "plain", "tracker-token"], "JSON names", out)
    check(rows[2]["env"] == "staging" and rows[1]["version"] == 2 and rows[0]["used"] is None
          and re.fullmatch(r"[0-9a-f]{32}", rows[0]["fingerprint"])
          and rows[0]["added"].endswith("Z"), "JSON fields", out)
    rc, out, err = run(home, "remove", "more")
    check(rc == 0 and "removed more" in out, "remove", out + err)
    text = b"".join(tree(home).values())
    for value in (b"tok-one", b"tok-two", b"tok-three"):
        check(value not in text, "no value in any file")
    check(b"tracker-token" in text, "the search would have found it")
    for path in (home, home + "/keeper"):
        check(stat.S_IMODE(os.stat(path).st_mode) == 0o700, "mode of " + path)
    for name in ("key", "store.db"):
        check(stat.S_IMODE(os.stat(f"{home}/keeper/{name}").st_mode) == 0o600, "mode of " + name)


def test_refused(home):
    before = tree(home)
    rows = [
        (1, ["add", "plain"], b"x", "already"),
        (1, ["rotate", "gone"], b"x", "no credential named gone"),
        (1, ["remove", "gone"], b"", "no credential named gone"),
        (1, ["add", "bad"], b"", "empty"),
        (1, ["add", "bad", "--trim"], b"\n\n", "empty"),
        (1, ["add", "bad"], b"token\n", "--trim"),
        (1, ["add", "bad"], b"to\nken", "byte 3"),
        (1, ["add", "bad", "--trim"], b"to\nken\n", "byte 3"),
        (1, ["add", "bad"], b"to\0ken", "NUL"),
        (1, ["add", "bad"], b"\x1b[31m", "0x1b"),
        (1, ["add", "bad"], b" token", "blank"),
        (1, ["add", "bad"], b"x" * 16385, "longer than 16384"),
        (1, ["add", "bad"], b"x" * 5000000, "longer than 16384"),
        (2, [], b"", "usage"),
        (2, ["frobnicate"], b"", "usage"),
        (2, ["add"], b"x", "name is missing"),
        (2, ["add", "../x"], b"x", "a name has"),
        (2, ["add", "a" * 65], b"x", "a name has"),
        (2, ["add", "bad", "--env", "a b"], b"x", "a label has"),
        (2, ["add", "bad", "--env"], b"x", "a label has"),
        (2, ["add", "bad", "--json"], b"x", "usage"),
        (2, ["list", "name"], b"", "takes no name"),
        (2, ["list", "--trim"], b"", "usage"),
        (2, ["rotate", "plain", "--env", "x"], b"x", "usage"),
        (2, ["passphrase", "correcthorse"], b"", "takes no name"),
    ]
    for want, args, value, message in rows:
        rc, out, err = run(home, *args, value=value)
        check(rc == want and message in err and out == "", f"{args} {value[:20]}",
              f"rc {rc}: {out}{err}")
    for args in (["add", "bad", "hunter2"], ["add", "bad", "--value=hunter2"],
                 ["add", "bad", "--secret", "hunter2"], ["rotate", "plain", "hunter2"]):
        rc, out, err = run(home, *args, value=b"x")
        check(rc == 2 and "hunter2" not in out + err, f"{args} is refused and not shown", err)
    for args in (["add", "bad", "hunter2"], ["add", "bad", "--value=hunter2"]):
        check("history" in run(home, *args)[2], f"{args} says why")
    check(tree(home) == before, "nothing refused has changed a file")
    rc, out, _ = run(home, "--help")
    check(rc == 0 and "usage" in out, "--help")


def test_terminal(home):
    rc, seen = on_terminal(home, ["add", "typed"], [("Value of typed:", "typed-value"),
                                                    ("Once more:", "typed-value")])
    check(rc == 0 and "added typed" in seen, "add from a terminal", seen)
    check("typed-value" not in seen, "what is typed is not shown", seen)
    rc, seen = on_terminal(home, ["add", "other"], [("Value of other:", "one-value"),
                                                    ("Once more:", "two-value")])
    check(rc == 1 and "differ" in seen and "one-value" not in seen, "two entries differ", seen)
    rc, seen = on_terminal(home, ["add", "other"], [("Value of other:", "")])
    check(rc == 1 and "nothing was entered" in seen, "nothing entered", seen)
    rc, seen = on_terminal(home, ["passphrase"], [("New passphrase:", "short"),
                                                  ("Once more:", "short")])
    check(rc == 1 and "8 to 1024" in seen, "a short passphrase", seen)
    rc, seen = on_terminal(home, ["passphrase"], [("New passphrase:", "correct horse"),
                                                  ("Once more:", "correct horse")])
    check(rc == 0 and not os.path.exists(home + "/keeper/key"), "a passphrase is set", seen)
    rc, seen = on_terminal(home, ["list"], [("Passphrase", "wrong horse"),
                                            ("Passphrase", "correct horse")])
    check(rc == 0 and "typed" in seen and "not the passphrase" in seen
          and "horse" not in seen, "the second try opens it", seen)
    p = subprocess.run(["setsid", CLI, "list"], capture_output=True, env=env(home), timeout=60,
                       stdin=subprocess.DEVNULL)
    check(p.returncode == 1 and b"no terminal" in p.stderr, "no terminal to ask on", p.stderr)
    rc, seen = on_terminal(home, ["passphrase", "--remove"], [("Passphrase", "correct horse")])
    check(rc == 0 and os.path.exists(home + "/keeper/key"), "back to a key file", seen)
    rc, out, err = run(home, "list")
    check(rc == 0 and "typed" in out, "and it opens with it", err)


def test_surroundings(home):
    key = home + "/keeper/key"
    os.chmod(key, 0o644)
    rc, _, err = run(home, "list")
    check(rc == 1 and "can be read by others" in err and err.count("\n") == 1, "open key", err)
    os.chmod(key, 0o600)
    os.chmod(home, 0o777)
    rc, _, err = run(home, "list")
    check(rc == 1 and "writable by you alone" in err, "open state folder", err)
    os.chmod(home, 0o700)
    rc, _, err = run(home, "list", WRIT_LIBEXEC="/nonexistent")
    check(rc == 1 and "writ-keeper" in err, "no keeper to start", err)
    store = home + "/keeper/store.db"
    with open(store, "rb") as h:
        good = h.read()
    with open(store, "r+b") as h:
        h.seek(4200)
        h.write(b"\xff" * 4000)
    rc, _, err = run(home, "add", "later", value=b"x")
    check(rc == 1 and "damaged" in err and err.count("\n") == 1, "a damaged store", err)
    with open(store, "wb") as h:
        h.write(good)
    check(run(home, "list")[0] == 0, "and restored")
    made = os.path.join(home, "deep", "er", "state")
    rc, _, err = run(made, "list")
    check(rc == 0 and stat.S_IMODE(os.stat(made).st_mode) == 0o700, "the folder is made", err)
    # systemd's way: the key comes from the service manager and no key file is made
    with tempfile.TemporaryDirectory() as creds:
        with open(creds + "/writ-keeper-key", "wb") as h:
            h.write(bytes(range(32)))
        os.chmod(creds + "/writ-keeper-key", 0o400)
        other = os.path.join(home, "service")
        rc, _, err = run(other, "add", "one", value=b"x", CREDENTIALS_DIRECTORY=creds)
        check(rc == 0 and not os.path.exists(other + "/keeper/key"), "the manager's key", err)
        rc, _, err = run(other, "list")
        check(rc == 1 and "missing" in err, "without it the store stays closed", err)
        os.chmod(creds + "/writ-keeper-key", 0o444)
        rc, _, err = run(other, "list", CREDENTIALS_DIRECTORY=creds)
        check(rc == 1 and "can be read by others" in err, "and it must be closed to others", err)


def holds(pid, value):
    """Is value in any memory of a process that can be read? None if none of it can."""
    got = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            at, end = (int(x, 16) for x in line.split()[0].split("-"))
            if end - at > 1 << 32:
                continue  # a sanitizer's shadow: bits about memory, not memory
            last = b""
            try:
                while at < end:
                    mem.seek(at)
                    data = mem.read(min(end - at, 1 << 20))
                    if not data:
                        break
                    if value in last + data:
                        return True
                    last = data[-len(value):]
                    at += len(data)
                    got += len(data)
            except (OSError, ValueError, OverflowError):
                pass
    return False if got else None


def test_memory(home):
    """The command waits for an answer that never comes, with the value sent: where is it?"""
    with open(MESSAGES) as h:
        names = re.findall(r"^M\((\w+),", h.read(), re.M)
    ready = names.index("KEEPER_READY") + 1
    fake = os.path.join(home, "fake")
    os.mkdir(fake)
    with open(fake + "/writ-keeper", "w") as h:
        h.write(f"#!{sys.executable}\nimport socket, struct, time\n"
                "s = socket.socket(fileno=3)\n"
                f"s.send(struct.pack('>IHHII', 0x77726974, {ready}, 0, 0, 0))\n"
                "data = s.recv(70000)\n"
                f"open({fake!r} + '/got', 'wb').write(data)\n"
                "time.sleep(60)\n")
    os.chmod(fake + "/writ-keeper", 0o700)
    value = b"Zq" + os.urandom(12).hex().encode()
    p = subprocess.Popen([CLI, "add", "seen"], stdin=subprocess.PIPE, env=env(home,
                         WRIT_LIBEXEC=fake), stderr=subprocess.PIPE)
    p.stdin.write(value)
    p.stdin.close()
    for _ in range(200):
        if os.path.exists(fake + "/got") and os.path.getsize(fake + "/got"):
            break
        time.sleep(0.05)
    time.sleep(0.2)
    with open(fake + "/got", "rb") as h:
        check(value in h.read(), "the value was sent")
    control = subprocess.Popen([sys.executable, "-c",
                                "import sys, time; v = sys.stdin.buffer.read(); "
                                "print('x', flush=True); time.sleep(60)"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    control.stdin.write(value)
    control.stdin.close()
    control.stdout.readline()
    check(holds(control.pid, value) is True, "the search finds it in an ordinary process")
    try:
        check(holds(p.pid, value) is False, "no page of the command that can be read holds it")
    except PermissionError:
        check(os.geteuid() != 0, "no page of the command can be read")
    with open(f"/proc/{p.pid}/cmdline", "rb") as h:
        check(value not in h.read(), "not in its arguments")
    for q in (p, control):
        q.send_signal(signal.SIGKILL)
        q.wait()


home = tempfile.mkdtemp(prefix="writ-test-credential-")
try:
    state = os.path.join(home, "state")
    test_ordinary(state)
    test_refused(state)
    test_terminal(state)
    test_surroundings(state)
    test_memory(state)
finally:
    shutil.rmtree(home)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or not passed else 0)
