#!/usr/bin/env python3
"""Attacks the sandbox from inside, and looks at it from outside.

usage: run.py DRIVER INIT PROBE DOCTOR [--as-nobody] [TEST...]

Every refusal has its positive control: the same attempt works outside, or in the sandbox where it
should. Runs as whoever starts it; --as-nobody gives root up first. The last line is
"N passed, N failed".
"""

import encodings.idna  # noqa: F401  now: as another user our own interpreter may be out of reach
import json
import os
import pty
import re
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

passed = failed = skipped = 0
ID = f"test{os.getpid()}-"  # of our tasks; others may be running
ROOT = True
DIR = DRIVER = INIT = PROBE = DOCTOR = ""


# In a container that covers parts of /proc the kernel gives a user namespace none of its own: an
# ordinary user's task then has an empty /proc, and these have nothing to look at.
PROC = NESTED_PROC = True
NEED_PROC = {
    "has no capability", "no_new_privs", "seccomp filters", "setgroups denied", "setns is EPERM",
    "sees only its own processes", "cannot look into pid 1", "what programs need is there",
    "only three descriptors", "no canary in a file", "node works", "200 in one launcher",
    "no core files, umask, a session of its own", "memory is taken from the task first",
}


def check(what, ok, detail=""):
    global passed, failed, skipped
    if ok:
        passed += 1
    elif what in NEED_PROC and not PROC:
        skipped += 1
        print(f"skipped: {what}: there is no whole /proc around us")
    else:
        failed += 1
        print(f"failed: {what} {detail!r:.600}", flush=True)
    return ok


class Result:
    def __init__(self, rc, out, err, report):
        self.rc, self.out, self.err, self.report = rc, out, err, report

    def lines(self, kind):
        return [l[len(kind) + 1:] for l in self.report.splitlines() if l.startswith(kind + " ")]


def driver(*program, options=(), launcher=DRIVER, **kw):
    report = tempfile.mktemp(dir=DIR)
    argv = [DRIVER, "--init", INIT, "--id", ID, "--report", report, *options, "--", *program]
    kw.setdefault("stdin", subprocess.DEVNULL)
    kw.setdefault("timeout", 60)
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
    text = open(report).read() if os.path.exists(report) else ""
    return Result(p.returncode, p.stdout.decode(errors="replace"),
                  p.stderr.decode(errors="replace"), text)


def start(*program, options=(), **kw):
    """A sandbox that stays: returns the process and the host pid of pid 1."""
    report = tempfile.mktemp(dir=DIR)
    argv = [DRIVER, "--init", INIT, "--id", ID, "--report", report, *options, "--", *program]
    kw.setdefault("stdin", subprocess.DEVNULL)
    kw.setdefault("stdout", subprocess.PIPE)
    p = subprocess.Popen(argv, **kw)
    for _ in range(500):
        if os.path.exists(report) and "exec " in open(report).read():
            break
        time.sleep(0.01)
    pid = int(re.search(r"^pid (\d+)", open(report).read(), re.M).group(1))
    return p, pid, report


def sh(script, *options, **kw):
    return driver("/bin/sh", "-c", script, options=options, **kw)


def py(script, *options, **kw):
    return driver("/usr/bin/python3", "-c", script, options=options, **kw)


def as_three(fd):
    """The driver waits for something to be read from descriptor 3."""
    os.dup2(fd, 3)
    os.set_inheritable(3, True)


def children_of(pid):
    """Host pids of everything in the pid namespace of pid (itself too)."""
    try:
        space = os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return []
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.stat(f"/proc/{name}/ns/pid").st_ino == space:
                found.append(int(name))
        except OSError:
            pass
    return found


def alive(marker):
    """Processes whose command line holds marker, zombies left out."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            if marker.encode() in open(f"/proc/{name}/cmdline", "rb").read():
                found.append(int(name))
        except OSError:
            pass
    return found


def cgroups(prefix=ID):
    found = []
    for base, dirs, _ in os.walk("/sys/fs/cgroup"):
        found += [os.path.join(base, d) for d in dirs if d.startswith("writ-" + prefix)]
    return found


def wait_until(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


# ---------------------------------------------------------------------------------------------


def identity():
    r = sh("id -u; id -g; id -G; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; "
           "cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; hostname; whoami")
    check("exits 0", r.rc == 0, r.err)
    check("is 1000 inside", r.out.startswith("1000\n1000\n"), r.out)
    check("has no capability", len(re.findall(r"^Cap\w+:\s+0{16}$", r.out, re.M)) == 5, r.out)
    check("no_new_privs", "NoNewPrivs:\t1" in r.out)
    check("seccomp filters", "Seccomp:\t2" in r.out)
    check("setgroups denied", "deny" in r.out)
    check("host name is its own", "\ntask\ntask\n" in r.out and socket.gethostname() not in r.out)
    p, pid, _ = start("/bin/sleep", "60")
    uids = set()
    for child in children_of(pid):
        text = open(f"/proc/{child}/status").read()
        uids |= set(re.search(r"^Uid:\s+(.*)$", text, re.M).group(1).split())
        groups = re.search(r"^Groups:[ \t]*(.*)$", text, re.M).group(1).split()
        check("no group of the invoker's", not ROOT or groups == [], groups)
    if ROOT:
        check("started by root, it is not root outside", len(uids) == 1 and
              0x70000000 <= int(uids.copy().pop()) < 0x78000000, uids)
    else:
        check("started by a user, it is that user", uids == {str(os.getuid())}, uids)
    for space in ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"):
        check(f"has its own {space} namespace",
              os.readlink(f"/proc/{pid}/ns/{space}") != os.readlink(f"/proc/self/ns/{space}"))
    p.send_signal(signal.SIGKILL)
    p.wait()


REFUSED = """io_uring_setup bpf userfaultfd keyctl add_key perf_event_open ptrace process_vm_readv
unshare-user unshare-mount unshare-net clone-user setns mount umount fsopen open_tree move_mount
mount_setattr pivot_root chroot kexec_load init_module swapon reboot sethostname settimeofday
adjtimex name_to_handle_at open_by_handle_at personality modify_ldt iopl syslog memfd_secret
pidfd_getfd kcmp fanotify_init seccomp-listener TIOCSTI TIOCSTI-high mknod socket-raw
socket-raw6""".split()


def system_calls():
    outside = dict(l.split() for l in subprocess.run([PROBE], stdout=subprocess.PIPE).stdout.decode()
                   .splitlines())
    r = driver("/opt/probe", options=("--read", f"{PROBE}=/opt/probe"))
    inside = dict(l.split() for l in r.out.splitlines())
    expected = {name: "EPERM" for name in REFUSED}
    expected.update({"clone3": "ENOSYS", "x32": "ENOSYS", "new-call": "ENOSYS", "int80": "killed",
                     "setuid": "EINVAL", "nice": "EACCES", "socket-unix": "ok", "socket-tcp": "ok",
                     "socket-udp6": "ok", "socket-netlink-route": "ok",
                     "socket-netlink-sock_diag": "EPROTONOSUPPORT",
                     "socket-netlink-netfilter": "EPROTONOSUPPORT",
                     "socket-netlink-audit": "EPROTONOSUPPORT",
                     "socket-netlink-uevent": "EPROTONOSUPPORT",
                     "socket-netlink-generic": "EPROTONOSUPPORT",
                     "socket-ping": "EPROTONOSUPPORT", "socket-mptcp": "EPROTONOSUPPORT",
                     "socket-udplite": "EPROTONOSUPPORT", "socket-packet": "EAFNOSUPPORT",
                     "socket-vsock": "EAFNOSUPPORT", "socket-alg": "EAFNOSUPPORT"})
    for name, want in expected.items():
        check(f"{name} is {want}", inside.get(name) == want, inside.get(name))
    same = [n for n, want in expected.items()
            if want not in ("ok", "ENOSYS") and outside.get(n) == want]
    controlled = len([n for n in REFUSED if n not in same])
    check("most refusals are the sandbox's (control)", controlled >= (40 if ROOT else 15),
          f"{controlled} of {len(REFUSED)}; refused outside too: {same}")


def files():
    r = py("import os\n"
           "def tree(top):\n"
           "    for base, dirs, names in os.walk(top):\n"
           "        if base.startswith(('/proc', '/usr')):\n"
           "            dirs[:] = []; continue\n"
           "        yield base\n"
           "for d in tree('/'):\n"
           "    try:\n"
           "        open(os.path.join(d, '.w'), 'w').close(); os.unlink(os.path.join(d, '.w'))\n"
           "        print(d)\n"
           "    except OSError as e: pass\n"
           "for d in ('/usr', '/usr/lib', '/usr/bin', '/proc', '/proc/sys'):\n"
           "    try: open(d + '/.w', 'w'); print(d)\n"
           "    except OSError: pass\n")
    check("only the private directories can be written",
          sorted(r.out.split()) == ["/dev/shm", "/home/task", "/run", "/tmp", "/var/tmp"],
          r.out + r.err)
    r = sh("for f in /etc/shadow /root /sys /boot /srv /etc/machine-id /var/lib /var/log /opt /mnt "
           "/etc/ssh /etc/gitconfig /etc/pip.conf /run/dbus /dev/kmsg /dev/mem /dev/console "
           "/dev/vda /dev/tty; do [ -e $f ] && echo $f; done; ls -A /home /run /tmp /var /etc/ssl/certs")
    check("nothing of the host is there", r.out.split() == ["/etc/ssl/certs:", "/home:", "task",
                                                            "/run:", "/tmp:", "/var:", "run", "tmp"],
          r.out)
    r = sh("cat /proc/self/mountinfo")
    points = [l.split() for l in r.out.splitlines()]
    allowed = {"/", "/usr", "/proc", "/proc/sys", "/dev/pts", "/tmp", "/var/tmp", "/dev/shm", "/run",
               "/home/task"} | {f"/dev/{n}" for n in "null zero full random urandom".split()}
    for p in points:
        where, opts = p[4], p[5].split(",")
        check(f"mount {where} is on the list", where in allowed or
              re.match(r"/(etc|proc)/[\w./-]+$|/(bin|sbin|lib\w*)$", where), where)
        check(f"mount {where} is nosuid", "nosuid" in opts)
        check(f"mount {where} is private", not any(o.startswith(("shared", "master"))
                                                   for o in p[6:p.index("-")]), p)
        if not where.startswith("/dev/"):
            check(f"mount {where} has no devices", "nodev" in opts or where.startswith("/proc/"), opts)
        if where not in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/home/task", "/proc") and \
                not where.startswith("/dev/"):
            check(f"mount {where} is read-only", "ro" in opts, opts)


def binds():
    top = tempfile.mkdtemp(dir=DIR)
    for d in ("src", "src/out", "other"):
        os.mkdir(f"{top}/{d}")
    open(f"{top}/src/data", "w").write("data\n")
    os.chmod(f"{top}/src/data", 0o600)
    os.symlink("/etc/hostname", f"{top}/src/link")
    r = sh("cat data; cat link; echo x > new; echo y > out/made; mkdir out/d; mv out/made out/d/m; "
           "chmod 4755 out/d/m; stat -c '%u %g' data out/d/m; ls /job",
           "--read", f"{top}/src=/job/src", "--write", f"{top}/src/out=/job/src/out",
           "--cwd", "/job/src")
    check("reads the bind, links lead inside", r.out.startswith("data\ntask\n"), r.out + r.err)
    check("a read-only bind is read-only", "new: Read-only file system" in r.err and
          not os.path.exists(f"{top}/src/new"), r.err)
    check("what is in a bind is the task's", "1000 1000\n1000 1000\n" in r.out, r.out)
    check("only the bind is there", r.out.endswith("\nsrc\n"), r.out)
    made = os.stat(f"{top}/src/out/d/m")
    check("what it writes is the invoker's", (made.st_uid, made.st_gid) == (os.getuid(), os.getgid()),
          made)
    r = driver("/job/suid", "-u", options=("--read", f"{top}/other=/job"))
    shutil.copy("/usr/bin/id", f"{top}/other/suid")
    os.chmod(f"{top}/other/suid", 0o6755)
    r = driver("/job/suid", "-u", options=("--read", f"{top}/other=/job"))
    check("a set-user-id program gains nothing", r.out == "1000\n" and r.rc == 0, r.out + r.err)
    os.symlink("src", f"{top}/way")
    s = socket.socket(socket.AF_UNIX)
    s.bind(f"{top}/sock")
    for host, inside, why in ((f"{top}/way", "/w", "a link"), ("/", "/w", "the root"),
                              (f"{top}/sock", "/w", "a socket"), ("/proc", "/w", "proc"),
                              ("/sys/kernel", "/w", "sys"), ("/dev", "/w", "dev"),
                              ("/run", "/w", "run"), ("/dev/null", "/w", "a device"),
                              (f"{top}/none", "/w", "nothing"), (f"{top}/src", "/usr/x", "/usr"),
                              (f"{top}/src", "/etc", "/etc"), (f"{top}/src", "/", "/ inside"),
                              (f"{top}/src", "w", "a relative path"),
                              (f"{top}/src", "/w/../x", "dots"), (f"{top}/src/", "/w", "a slash")):
        r = sh("echo started", "--read", f"{host}={inside}")
        check(f"refuses {why}", r.rc == 125 and r.out == "" and r.err.count("\n") == 1, r.out + r.err)
    r = sh("true", "--read", f"{top}/src=/w", "--read", f"{top}/other=/w")
    check("refuses two at one place", r.rc == 125, r.err)
    r = sh("true", "--read", f"{top}/src=/w", "--write", f"{top}/other=/w/none")
    check("refuses a mount point that is not there", r.rc == 125 and "/w/none" in r.err, r.err)
    r = sh("cat /w", "--read", f"{top}/src/data=/w")
    check("a single file can be given", r.out == "data\n", r.out + r.err)
    r = sh("cat /home/task/a/data; touch /tmp/b/x", "--read", f"{top}/src=/home/task/a",
           "--write", f"{top}/other=/tmp/b")
    check("binds below the private directories", r.out == "data\n" and
          os.path.exists(f"{top}/other/x"), r.out + r.err)


def proc():
    p, pid, _ = start("/bin/sleep", "60")
    r = sh("ls /proc | grep -E '^[0-9]+$' | sort -n | tr '\\n' ' '; cat /proc/1/comm; "
           "cat /proc/1/environ /proc/1/maps /proc/1/mem; ls /proc/1/fd /proc/1/root/ /proc/1/cwd/")
    pids = r.out.split("\n")[0].split()
    check("sees only its own processes", 2 <= len(pids) - 1 <= 8 and pids[-1] == "writ-init", pids)
    check("cannot look into pid 1", r.err.count("ermission denied") == 6, r.err)
    r = py("import os\n"
           "n = 0\n"
           "for pid in range(2, 70000):\n"
           "    try: os.kill(pid, 0); n += 1\n"
           "    except OSError: pass\n"
           "print(n)")
    check("no pid of the host answers", int(r.out) <= 3, r.out)
    p.kill()
    p.wait()
    secret = "config.gz cmdline kallsyms modules keys key-users iomem ioports interrupts partitions " \
             "diskstats swaps devices softirqs timer_list kmsg kcore slabinfo vmallocinfo " \
             "kpageflags schedstat locks vmstat zoneinfo buddyinfo crypto consoles".split()
    seen = sum(os.path.exists(f"/proc/{n}") for n in secret)
    r = sh(f"cd /proc; for f in {' '.join(secret)}; do head -c 1 $f; done; ls bus fs irq driver acpi "
           "tty sysvipc pressure 2>/dev/null | grep -v : ; head -c1 sysrq-trigger")
    check("the host's files in /proc are covered", r.out.strip() == "" and seen > 10, r.out)
    r = sh("cd /proc/sys; for f in kernel/core_pattern kernel/modprobe vm/panic_on_oom kernel/panic "
           "net/ipv4/ip_forward net/ipv4/conf/all/route_localnet kernel/ns_last_pid "
           "kernel/hostname net/ipv4/icmp_echo_ignore_all fs/binfmt_misc/register; do "
           "(echo 1 > $f) 2>/dev/null && echo wrote $f; done; echo b > /proc/sysrq-trigger")
    check("no sysctl can be written", r.out == "", r.out)
    r = sh("cat /proc/cpuinfo /proc/meminfo /proc/stat /proc/uptime | wc -l; "
           "cat /proc/sys/kernel/random/boot_id; nproc; free >/dev/null; ps >/dev/null && echo ps")
    lines = r.out.split()
    check("what programs need is there", int(lines[0]) > 20 and lines[-1] == "ps", r.out + r.err)
    check("the boot id is not the host's",
          lines[1] != open("/proc/sys/kernel/random/boot_id").read().strip(), lines)


def inherited():
    read, write = os.pipe()
    os.write(write, b"canary-pipe")
    leak = os.open("/", os.O_RDONLY)
    for fd in (read, write, leak):
        os.set_inheritable(fd, True)
    env = dict(os.environ, CANARY="canary-environment", LD_PRELOAD="", SSH_AUTH_SOCK="/x")
    script = "env | sort; ls -l /proc/self/fd; tr '\\0' '\\n' < /proc/self/environ"
    control = subprocess.run(["/bin/sh", "-c", script], env=env, close_fds=False,
                             stdout=subprocess.PIPE).stdout.decode()
    check("the canaries can be seen (control)", "canary-environment" in control and
          f" {leak} -> /" in control, control)
    r = sh(script, "--env", "A=b=c", "--env", "PATH=/usr/bin", env=env, close_fds=False)
    check("the environment is what was given", r.out.startswith("A=b=c\nPATH=/usr/bin\nPWD="), r.out)
    check("nothing of ours is in it", "anary" not in r.out and "SSH" not in r.out, r.out)
    fds = re.findall(r" (\d+) -> (\S+)", r.out)
    check("only three descriptors", [f for f, _ in fds[:-1]] == ["0", "1", "2"], fds)
    r = py("import os\n"
           "top = os.sysconf('SC_OPEN_MAX')\n"
           "for fd in range(0, 5000):\n"
           "    try: os.fstat(fd); print(fd)\n"
           "    except OSError: pass", close_fds=False)
    check("no descriptor above them", r.out.split() == ["0", "1", "2"], r.out)
    r = sh("find / -xdev -newer /etc/passwd -type f 2>/dev/null | head; grep -rl anary /tmp /run "
           "/home /etc 2>/dev/null")
    check("no canary in a file", r.out == "", r.out)
    for fd in (read, write, leak):
        os.close(fd)


def running():
    check("exit code", sh("exit 42").rc == 42)
    check("killed by a signal", sh("kill -9 $$").rc == 137)
    r = driver("no-such-program")
    check("not found is 127", r.rc == 127 and "errno 2" in r.report, r.report)
    r = driver("/etc/hosts")
    check("not executable is 126", r.rc == 126 and "errno 13" in r.report, r.report)
    r = driver("/nowhere/at/all")
    check("a path that is not there is 127", r.rc == 127, r.report)
    r = driver("id", "-un", options=("--env", "PATH=/nonexistent::/usr/bin"))
    check("PATH is the task's", r.out == "task\n", r.out + r.err)
    r = sh("cat; echo err >&2", input=b"in put", stdin=None)
    check("stdin, stdout and stderr", (r.out, r.err) == ("in put", "err\n"), (r.out, r.err))
    r = sh("pwd", "--cwd", "/tmp")
    check("working directory", r.out == "/tmp\n")
    check("a directory that is not there", sh("pwd", "--cwd", "/none").rc == 125)
    r = sh("cat /etc/ssl/certs/ca-certificates.crt /run/x/y", "--put",
           "/etc/ssl/certs/ca-certificates.crt=CERT", "--put", "/run/x/y=FILE")
    check("files put in", r.out == "CERTFILE", r.out + r.err)
    r = sh("echo no > /etc/ssl/certs/ca-certificates.crt; rm /etc/ssl/certs/ca-certificates.crt; "
           "cat /etc/ssl/certs/ca-certificates.crt", "--put",
           "/etc/ssl/certs/ca-certificates.crt=CERT")
    check("what was put in stays", r.out == "CERT", r.out + r.err)
    read, write = os.pipe()
    p = subprocess.Popen([DRIVER, "--init", INIT, "--id", ID, "--signal", "10", "--", "/bin/sh", "-c",
                          "trap 'echo got; exit 7' USR1; echo ready; sleep 30 & wait"],
                         stdout=subprocess.PIPE, preexec_fn=lambda: as_three(read),
                         close_fds=False)
    check("the program runs", p.stdout.readline() == b"ready\n")
    os.write(write, b"x")
    check("a signal reaches it", p.communicate(timeout=20)[0] == b"got\n" and p.returncode == 7,
          p.returncode)
    os.close(read)
    os.close(write)
    r = sh("ulimit -c; ulimit -Hc; umask; cat /proc/self/stat | cut -d' ' -f5,6,7")
    r2 = sh("cat /proc/self/oom_score_adj; for v in 0 -1000; do echo $v > /proc/self/oom_score_adj; "
            "done; cat /proc/self/oom_score_adj")
    check("memory is taken from the task first", r2.out == "500\n500\n" or
          int(open("/proc/self/oom_score_adj").read()) > 500, r2.out + r2.err)
    check("no core files, umask, a session of its own",
          re.fullmatch("0\n0\n0022\n([23]) \\1 0\n", r.out), r.out)


def terminal():
    master, slave = pty.openpty()
    p = subprocess.Popen([DRIVER, "--init", INIT, "--id", ID, "--tty", "--", "/bin/sh", "-c",
                          "test -t 0 && echo terminal > /dev/tty; tty; "
                          "trap 'echo interrupted; exit 9' INT; echo waiting; sleep 30 & wait"],
                         stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    out = b""
    while b"waiting" not in out:
        out += os.read(master, 1000)
    check("has its terminal", b"terminal" in out, out)
    check("with a name", b"/dev/console" in out, out)
    os.write(master, b"\x03")
    check("^C reaches the program", p.wait(10) == 9, p.returncode)
    os.close(master)


def inside_pty():
    r = py("import pty, os\n"
           "pid, fd = pty.fork()\n"
           "if pid == 0: os.execv('/bin/sh', ['sh', '-c', 'tty; echo in pty'])\n"
           "out = b''\n"
           "try:\n"
           "    while True:\n"
           "        b = os.read(fd, 100)\n"
           "        if not b: break\n"
           "        out += b\n"
           "except OSError: pass\n"
           "print(out.decode())")
    check("can make a terminal of its own", "in pty" in r.out and "/dev/pts/0" in r.out, r.out + r.err)
    r = sh("test -e /dev/tty && echo there; echo x > /dev/tty")
    check("no terminal where none was given", r.out == "", r.out)


STAY = ("import os, signal, time\n"
        "for i in range(3):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        "            for s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\n"
        "            if i == 1: os.kill(os.getpid(), signal.SIGSTOP)\n"
        "            time.sleep(600)\n"
        "        os._exit(0)\n"
        "time.sleep(0.3)\n")


def ending():
    marker = f"marker-{os.getpid()}-a"
    t = time.monotonic()
    r = driver("/usr/bin/python3", "-c", STAY, marker)
    check("daemons end with the program", r.rc == 0 and alive(marker) == [], alive(marker))
    check("and at once", time.monotonic() - t < 5)
    marker = f"marker-{os.getpid()}-b"
    p, pid, _ = start("/usr/bin/python3", "-c", STAY + "time.sleep(600)", marker)
    check("they run before (control)", wait_until(lambda: len(alive(marker)) >= 6), alive(marker))
    os.kill(p.pid, signal.SIGKILL)
    p.wait()
    check("kill -9 of the launcher ends the task", wait_until(lambda: alive(marker) == []),
          alive(marker))
    # killed at any moment of its start
    for delay in (0, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.006):
        for _ in range(5):
            marker = f"marker-{os.getpid()}-c"
            p = subprocess.Popen([DRIVER, "--init", INIT, "--id", ID, "--", "/bin/sleep", "600", marker],
                                 stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            time.sleep(delay)
            p.kill()
            p.wait()
    check("whenever it is killed", wait_until(lambda: alive(marker) == []), alive(marker))
    check("a later start removes the cgroups of the dead",
          wait_until(lambda: sh("true").rc == 0 and cgroups() == []),
          cgroups())


def freezing():
    top = tempfile.mkdtemp(dir=DIR)
    read, write = os.pipe()
    p = subprocess.Popen([DRIVER, "--init", INIT, "--id", ID, "--signal", "23", "--freeze", "--write",
                          f"{top}=/w", "--report", f"{DIR}/freeze", "--", "/usr/bin/python3", "-c",
                          "import os, time\n"
                          "os.fork(); os.fork()\n"
                          "while True:\n"
                          "    open('/w/%d' % os.getpid(), 'w').write(str(time.time_ns()))\n"
                          "    time.sleep(0.001)\n"],
                         preexec_fn=lambda: as_three(read), close_fds=False)
    check("the task runs", wait_until(lambda: len(os.listdir(top)) == 4), os.listdir(top))
    os.write(write, b"x")
    wait_until(lambda: "frozen" in open(f"{DIR}/freeze").read())
    frozen = {f: open(f"{top}/{f}").read() for f in os.listdir(top)}
    time.sleep(0.4)
    check("nothing runs while frozen",
          frozen == {f: open(f"{top}/{f}").read() for f in os.listdir(top)})
    p.wait(20)
    check("frozen ok", "frozen ok" in open(f"{DIR}/freeze").read(), open(f"{DIR}/freeze").read())
    os.close(read)
    os.close(write)


def limits():
    r = sh("head -c 20000000 /dev/zero > /tmp/f; df /tmp | tail -1; rm /tmp/f; "
           "head -c 3000000 /dev/zero > /home/task/f; ls -l /home/task/f", "--disk", "8388608")
    check("the disk limit holds", "No space left" in r.err, r.err)
    check("and leaves room below it", "3000000" in r.out, r.out)
    r = sh("head -c 20000000 /dev/zero > /tmp/f && ls -l /tmp/f")
    check("without it there is more (control)", "20000000" in r.out, r.out + r.err)
    r = py("import os\n"
           "try:\n"
           "    for i in range(100000): open('/tmp/%d' % i, 'w').close()\n"
           "except OSError as e: print(i, e.errno)", "--disk", "8388608")
    check("inodes are limited too", r.out.strip().endswith(" 28") and
          int(r.out.split()[0]) < 10000, r.out + r.err)
    script = ("import os, time\n"
              "n = 0\n"
              "try:\n"
              "    while n < 60:\n"
              "        if os.fork() == 0: time.sleep(60)\n"
              "        n += 1\n"
              "except OSError as e: print('refused', e.errno)\n"
              "print(n)")
    r = py(script, "--pids", "20")
    check("the process limit holds", "refused 11" in r.out and int(r.out.split()[-1]) == 19, r.out)
    r = py(script)
    check("without it there are more (control)", r.out == "60\n", r.out)
    script = "b = bytearray(200 << 20); print(len(b))"
    r = py(script, "--memory", str(64 << 20))
    check("the memory limit holds", r.rc in (1, 137) and r.out == "", (r.rc, r.out, r.err))
    check("without it there is more (control)", py(script).out.strip() == str(200 << 20))


NET = """
import socket, sys, json
def tcp(addr, port, family=socket.AF_INET):
    s = socket.socket(family); s.settimeout(5)
    try:
        s.connect((addr, port)); return s.recv(20).decode()
    except OSError as e: return e.errno
def udp(addr, port, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(1)
    try:
        s.connect((addr, port)); s.send(b'hello'); return s.recv(20).decode()
    except OSError as e: return e.errno or str(e)
six = socket.AF_INET6
print(json.dumps([tcp('169.254.169.254', 80), tcp('8.8.8.8', 443), tcp('127.0.0.1', 80),
  tcp('2001:db8::1', 80, six), tcp('::1', 443, six), tcp('fd00:ec2::254', 80, six),
  udp('8.8.8.8', 53), udp('127.0.0.1', 53), udp('2001:4860:4860::8888', 53, six), tcp('9.9.9.9', 53),
  tcp('10.0.0.1', 22), tcp('2001:db8::2', 22, six), udp('10.0.0.1', 123), udp('2001:db8::2', 123, six)]))
s = socket.socket(); s.bind(('127.0.0.1', 8080)); s.listen()
c = socket.create_connection(('127.0.0.1', 8080)); print('own server')
try: socket.socket().bind(('127.0.0.1', 443)); print('bound 443')
except OSError as e: print(e.errno)
print(socket.if_nameindex(), [a[4][0] for a in socket.getaddrinfo('localhost', 80, type=socket.SOCK_STREAM)])
"""


def network():
    r = py(NET, "--port", "80", "--port", "443")
    got = json.loads(r.out.splitlines()[0])
    check("any address is the gateway", got[:6] == ["gateway\n"] * 6, got)
    check("DNS is answered from the address that was asked", got[6:9] == ["hello"] * 3, got)
    check("DNS over TCP too", got[9] == "gateway\n", got)
    check("other ports are refused", got[10:14] == [111] * 4, got)
    check("the original destination is known", r.lines("tcp") == [
        "169.254.169.254 80", "8.8.8.8 443", "127.0.0.1 80", "2001:db8::1 80", "::1 443",
        "fd00:ec2::254 80", "9.9.9.9 53"], r.lines("tcp"))
    taps = r.lines("tap")
    for want in ("tcp 10.0.0.1 22", "tcp 2001:db8::2 22", "udp 10.0.0.1 123", "udp 2001:db8::2 123"):
        check(f"the tap saw {want}", want in taps, taps)
    check("and not what has a listener", not any(t.endswith((" 80", " 443", " 53")) for t in taps),
          taps)
    check("a task may serve itself", "own server" in r.out, r.out + r.err)
    check("not on the gateway's ports", "bound 443" not in r.out, r.out)
    check("only loopback", "[(1, 'lo')]" in r.out, r.out)
    listener = socket.socket()
    listener.bind(("0.0.0.0", 0))
    listener.listen()
    port = listener.getsockname()[1]
    control = socket.create_connection(("127.0.0.1", port), 5)
    check("the host's listener answers the host (control)", control.fileno() >= 0)
    control.close()
    listener.accept()[0].close()
    listener.settimeout(0.3)
    r = py("import socket\n"
           f"for a in ('127.0.0.1', '0.0.0.0'):\n"
           "    try: socket.create_connection((a, %d), 2); print('connected')\n"
           "    except OSError as e: print(e.errno)" % port)
    check("and not the task", r.out == "111\n111\n", r.out)
    try:
        listener.accept()
        check("nothing arrived", False)
    except OSError:
        check("nothing arrived", True)
    name = f"\0writ-test-{os.getpid()}"
    s = socket.socket(socket.AF_UNIX)
    s.bind(name)
    s.listen()
    socket.socket(socket.AF_UNIX).connect(name)
    r = py(f"import socket\nsocket.socket(socket.AF_UNIX).connect({name!r})")
    check("the host's abstract sockets are not there", "ConnectionRefused" in r.err, r.err)


def programs():
    r = sh("/bin/echo one two; (cd /usr/bin; ./true); exec 9</bin/true; /proc/self/fd/9; true")
    lines = r.lines("exec")
    check("every program is told", len(lines) == 4 and lines[0].startswith("/bin/sh exe=1 args=3") and
          lines[1].startswith("/bin/echo exe=1 args=3 first=/bin/echo") and
          lines[2].startswith("./true exe=1 args=1"), lines)
    check("its parent too", int(lines[1].split("parent=")[1]) > 1, lines)
    r = sh("/bin/echo yes; /usr/bin/id; echo $?", "--deny", "/id")
    check("and can be refused", r.out == "yes\n126\n", r.out + r.err)
    r = py("import os\n"
           "fd = os.memfd_create('x'); os.write(fd, open('/bin/true', 'rb').read())\n"
           "os.execve(fd, ['m'], {})")
    check("one from memory too", r.rc == 0 and len(r.lines("exec")) == 2, r.report)
    r = py("import os, time\n"
           "for i in range(300):\n"
           "    pid = os.fork()\n"
           "    if pid == 0: os.execv('/bin/true', ['t'])\n"
           "    time.sleep(i * 0.000003)\n"
           "    os.kill(pid, 9); os.waitpid(pid, 0)\n"
           "print('done')")
    check("one killed while it asks holds nobody up", r.out == "done\n" and r.rc == 0, (r.rc, r.err))
    script = "".join(f"/bin/echo {i};" for i in range(30)) + "exit 3"
    r = sh(script)
    check("many", r.rc == 3 and len(r.lines("exec")) == 31)
    r = py("import ctypes, os\n"
           "libc = ctypes.CDLL(None)\n"
           "for path in (0, 1, 0xffffffffffff0000):\n"
           "    print(libc.syscall(59, ctypes.c_void_p(path), ctypes.c_void_p(8), None), flush=1)\n"
           "try: os.execv('/bin/true', ['x' * 100000] * 5)\n"
           "except OSError as e: print(e)")
    check("rubbish is no harm", r.rc == 0 and r.out.startswith("-1\n-1\n-1\n") and
          len(r.lines("exec")) == 5, (r.rc, r.out, r.err, r.report))


def real_programs():
    tools = {"git": "git init -q /tmp/r && cd /tmp/r && git -c user.name=x -c user.email=x@y commit -q "
                    "--allow-empty -m m && git log --oneline | wc -l",
             "gcc": "cd /tmp; echo 'int main(void){return 0;}' > a.c; gcc a.c -o a && ./a && echo 1",
             "node": "node -e 'setTimeout(()=>console.log(require(\"os\").cpus().length>0?1:0),5)'",
             "java": "java -version 2>&1 | grep -ic openjdk | sed 's/.*/1/'",
             "perl": "perl -e 'print 1'", "curl": "curl --version >/dev/null && echo 1",
             "openssl": "openssl req -x509 -newkey rsa:2048 -nodes -keyout /tmp/k -out /tmp/c -subj /CN=x "
                        "2>/dev/null && echo 1",
             "python3": "python3 -c 'import multiprocessing as m, ssl, subprocess\n"
                        "with m.Pool(2) as p: print(sum(p.map(len, [[1]])))'"}
    for tool, script in tools.items():
        if os.path.exists(f"/usr/bin/{tool}"):
            r = sh(script, "--env", "PATH=/usr/bin:/bin", "--env", "HOME=/home/task")
            check(f"{tool} works", r.out.strip() == "1", r.out + r.err)


def nothing_left():
    def state():
        return open("/proc/self/mountinfo").read(), cgroups(), alive(marker)

    marker = f"marker-{os.getpid()}-d"
    before = state()
    r = driver("/bin/sh", "-c", "sleep 100 & ls /proc/self/fd | wc -l", marker,
               options=("--loop", "200"), timeout=120)
    check("200 in one launcher", r.out == "4\n" * 200, r.out[:200] + r.err)
    check("leave no process, mount or cgroup", alive(marker) == [] and state() == before,
          (alive(marker), cgroups()))
    r = subprocess.run([DRIVER, "--init", INIT, "--id", ID, "--loop", "200", "--", "/bin/true", marker],
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    check("leave no descriptor", r.returncode == 0, r)
    check("no zombie or process", wait_until(lambda: state() == before), state()[1:])


def refused_specs():
    r = driver("/bin/true", options=("--id", "a/../b"))
    check("an id that is a path", r.rc == 125, r.err)
    r = subprocess.run([DRIVER, "--init", "/nonexistent/init", "--", "/bin/true"],
                       stderr=subprocess.PIPE)
    check("writ-init missing", r.returncode == 125 and b"/nonexistent/init" in r.stderr, r)
    r = driver("/bin/true", options=sum((("--port", str(1000 + i)) for i in range(27)), ()))
    check("too many ports", r.rc == 125, r.err)
    r = driver("/bin/true", options=sum((("--port", str(1000 + i)) for i in range(26)), ()))
    check("as many as are allowed", r.rc == 0, r.err)


def doctor():
    p = subprocess.run([DOCTOR], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    out = p.stdout.decode()
    check("doctor says that tasks run here", p.returncode == 0 and "Tasks can run here." in out, out)
    check("in 80 columns", all(len(l) <= 80 and l == l.rstrip() for l in out.splitlines()), out)
    p = subprocess.run([DOCTOR, "--json"], stdout=subprocess.PIPE, timeout=60)
    walls = {w["wall"]: w for w in json.loads(p.stdout)["walls"]}
    check("as JSON", p.returncode == 0 and json.loads(p.stdout)["ok"] is True and len(walls) >= 15)
    check("nothing that is needed is missing", all(w["have"] == "yes" or (w["wall"] == "root of its own" and not NESTED_PROC)
                                                     for w in walls.values()
                                                   if w["needed"]), walls)
    check("every wall says how it was tried", all(len(w["tried"]) > 10 for w in walls.values()), walls)
    check("no cgroup is left", cgroups("doctor-") == [], cgroups("doctor-"))
    p = subprocess.run([DOCTOR, "--wrong"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    check("wrong use is 2", p.returncode == 2 and b"usage" in p.stderr and p.stdout == b"")
    # take a wall down and the doctor turns red
    p = subprocess.run([DOCTOR, "--json"], stdout=subprocess.PIPE, timeout=60, preexec_fn=lambda:
                       resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8)))
    check("too few descriptors: no", p.returncode == 1, p.stdout)
    if ROOT:
        p = subprocess.run(["unshare", "--mount", "sh", "-c",
                            "mount -t tmpfs none /sys/fs/cgroup && exec " + DOCTOR + " --json"],
                           stdout=subprocess.PIPE, timeout=60)
        walls = {w["wall"]: w["have"] for w in json.loads(p.stdout)["walls"]}
        check("without cgroups it says so", walls["cgroup"] == "no" and
              walls["memory limit"] == "partly" and walls["Landlock"] == "yes", walls)


def fallbacks():
    """Where there is no id to give: root of a container, and a file system without id-mapping."""
    top = tempfile.mkdtemp(dir=DIR)
    os.mkdir(f"{top}/out")
    r = subprocess.run(["unshare", "--user", "--map-root-user", DRIVER, "--init", INIT, "--id", ID, "--report",
                        f"{DIR}/nested", "--write", f"{top}/out=/w", "--", "/bin/sh", "-c",
                        "id -u; touch /w/x; grep -c . /proc/cmdline; "
                        "echo x > /proc/sys/kernel/core_pattern"],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
    said = open(f"{DIR}/nested").read()
    check("root of a user namespace can start a task",
          r.stdout == (b"1000\n0\n" if NESTED_PROC else b"1000\n"), (r, said))
    check("and is told what is missing", "an id of its own" in said, said)
    check("its files are the invoker's", os.path.exists(f"{top}/out/x") and
          os.stat(f"{top}/out/x").st_uid == os.getuid())
    if not ROOT:
        return
    for d in ("low", "up", "work", "merged"):
        os.mkdir(f"{top}/{d}")
    script = (f"mount -t overlay none -o lowerdir={top}/low,upperdir={top}/up,workdir={top}/work "
              f"{top}/merged && exec {DRIVER} --init {INIT} --report {DIR}/overlay "
              f"--write {top}/merged=/w -- /bin/sh -c 'id -u; touch /w/x; cat /proc/kcore "
              "/proc/kmsg /proc/slabinfo; echo x > /proc/sys/kernel/core_pattern; "
              "echo x > /proc/sysrq-trigger; cat /etc/shadow'")
    r = subprocess.run(["unshare", "--mount", "sh", "-c", script], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=30)
    said = open(f"{DIR}/overlay").read()
    if "an id of its own" in said:  # a kernel may learn to id-map overlayfs
        check("as root outside it still sees nothing", r.stdout == b"1000\n", r)
        check("core_pattern is refused", b"core_pattern: Read-only" in r.stderr, r.stderr)
    check("and its files are root's", os.path.exists(f"{top}/up/x") and
          os.stat(f"{top}/up/x").st_uid == 0)


def main():
    global DIR, DRIVER, INIT, PROBE, DOCTOR, ROOT, PROC, NESTED_PROC
    sources = [os.path.realpath(p) for p in sys.argv[1:5]]
    DIR = tempfile.mkdtemp(prefix="writ-sandbox-")
    os.chmod(DIR, 0o755)
    DRIVER, INIT, PROBE, DOCTOR = (shutil.copy(p, DIR) for p in sources)
    if "--as-nobody" in sys.argv and os.getuid() == 0:
        os.chown(DIR, 65534, 65534)
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    os.chdir("/")
    ROOT = os.getuid() == 0
    NESTED_PROC = subprocess.run(["unshare", "--user", "--map-root-user", "--pid", "--fork",
                                  "--mount-proc", "true"], capture_output=True).returncode == 0
    PROC = ROOT or NESTED_PROC
    only = [a for a in sys.argv[5:] if not a.startswith("-")]
    try:
        for test in (identity, system_calls, files, binds, proc, inherited, running, terminal,
                     inside_pty, ending, freezing, limits, network, programs, real_programs,
                     refused_specs, doctor, fallbacks, nothing_left):
            if only and test.__name__ not in only:
                continue
            try:
                test()
            except Exception as e:  # a test that breaks has failed
                check(f"{test.__name__} ran to its end", False, f"{type(e).__name__}: {e}")
    finally:
        shutil.rmtree(DIR, ignore_errors=True)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
