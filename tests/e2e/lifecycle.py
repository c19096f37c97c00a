"""How a task starts and how it ends: exit codes, signals, pipes, terminals, deadlines, killed
processes of our own, full disks; and that nothing is left of it."""
import fcntl
import json
import os
import pty
import random
import select
import signal
import struct
import subprocess
import tempfile
import termios
import threading
import time

from harness import *

HOME = Home()
CA = Authority()
CERT = CA.issue('api.test')
TOKEN = 'tok_' + os.urandom(12).hex()
HOME.credential('api', TOKEN)


def left_of(mark):
    """Processes of the host whose command line has mark in it."""
    found = []
    for d in os.listdir('/proc'):
        if d.isdigit() and int(d) != os.getpid():
            try:
                with open('/proc/%s/cmdline' % d, 'rb') as f:
                    if mark.encode() in f.read() and alive(int(d)):
                        found.append(int(d))
            except OSError:
                pass
    return found


def cgroups():
    found = set()
    for top, dirs, _ in os.walk('/sys/fs/cgroup'):
        found |= {os.path.join(top, d) for d in dirs if 'writ' in d}
    return found


def mounts():
    with open('/proc/self/mountinfo') as f:
        return [l for l in f if os.path.dirname(HOME.dir).rsplit('/', 1)[0] in l]


def codes(t):
    for argv, want in ((['true'], 0), (['sh', '-c', 'exit 7'], 7), (['sh', '-c', 'exit 255'], 255),
                       (['/nonexistent'], 127), (['no-such-program'], 127), (['/etc/passwd'], 126), (['/'], 126),
                       (['sh', '-c', 'kill -TERM $$'], 143), (['sh', '-c', 'kill -KILL $$'], 137),
                       (['sh', '-c', 'kill -SEGV $$'], 139)):
        r = HOME.run(argv)
        t.check('exit code of %s' % ' '.join(argv), r.code == want, (r.code, r.err))
    for flags, part in ((['--nonsense'], '--nonsense'), (['--ttl', 'soon'], 'ttl'), (['--profile', '/nonexistent'], '/nonexistent')):
        r = HOME.run(['true'], *flags)
        t.check('125 for %s' % flags, r.code == 125 and part in r.err and r.err.count('\n') == 1 and not r.tasks, (r.code, r.err))
    r = HOME.run([])
    t.equal('125 without a command', r.code, 125)
    r = HOME.run(['sleep', '30'], '--ttl', '1s')
    t.check('124 when the time is over', r.code == 124 and 'time' in r.err, (r.code, r.err))
    r = HOME.run(['sh', '-c', 'exit 3'])
    end = HOME.kinds(r.task, 'task.end')[0]
    t.equal('the ledger has the code', end.get('exit_code'), 3)


def bad_profiles(t):
    for text, where in (('version: 1\nname: x\ncomand: [a]\n', 'profile.yaml:3:1:'), ('version: 2\nname: x\n', 'profile.yaml:1:'),
                        ('version: 1\nname: x\ncommand: [a\n', 'profile.yaml:'), ('', 'profile.yaml:')):
        p = folder('bad')
        with open(os.path.join(p, 'profile.yaml'), 'w') as f:
            f.write(text)
        r = HOME.run([], profile=p)
        t.check('a wrong profile', r.code == 125 and where in r.err and r.err.count('\n') == 1 and not r.tasks, (r.code, r.err))
    for policy, line in (('permit (principal, action, resource)\n', ''), ('\n\nallow (principal, action, resource);\n', ':3:1:'),
                         ('permit (principal, action, resource) when { nothing.x };\n', ':1:')):
        p = HOME.profile({'a': {'url': 'https://a.test'}}, policy)
        r = HOME.run(['true'], profile=p)
        t.check('a wrong policy', r.code == 125 and 'policy.cedar:' in r.err and line in r.err and r.err.count('\n') == 1 and
                not r.tasks, (r.code, r.err))


def signals(t):
    script = 'import os, signal, sys, time\n' \
             'def h(n, f):\n    os.write(1, b"%d\\n" % n); os._exit(40 + n)\n' \
             'for s in (1, 2, 3, 10, 12, 15): signal.signal(s, h)\n' \
             'print("ready", flush=True); time.sleep(30)\n'
    for number in (1, 2, 3, 10, 12, 15):
        p = HOME.start([PYTHON, '-c', script])
        line = p.stdout.readline()
        p.send_signal(number)
        out, err = p.communicate(timeout=30)
        t.check('signal %d is handed on' % number, line == b'ready\n' and out == b'%d\n' % number and p.returncode == 40 + number,
                (p.returncode, out, err))
    p = HOME.start(['sh', '-c', 'echo ready; exec sleep 30'])
    p.stdout.readline()
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=30)
    t.check('TERM ends a task that does not catch it', p.returncode == 143, (p.returncode, err))


def streams(t):
    r = HOME.run(['cat'], input=b'hello\n' * 1000)
    t.equal('stdin from a pipe', (r.code, r.out), (0, b'hello\n' * 1000))
    with tempfile.TemporaryFile() as f:
        f.write(b'from a file')
        f.seek(0)
        p = HOME.start(['cat'], stdin=f)
        t.equal('stdin from a file', p.communicate(timeout=30)[0], b'from a file')
    t.equal('stdin from /dev/null', HOME.run(['cat']).out, b'')
    for closed in ('<&-', '>&-', '2>&-', '<&- >&- 2>&-'):
        r = subprocess.run(['sh', '-c', '"$@" %s; echo $? > "$CODE"' % closed, 'sh', WRIT, 'run', '--', 'sh', '-c', 'cat; echo out; echo err >&2; exit 5'],
                           env=dict(HOME.env, CODE=os.path.join(HOME.dir, '..', 'code')), stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        code = open(os.path.join(HOME.dir, '..', 'code')).read().strip()
        t.check('with %s' % closed, code in ('5', '1', '2'), (code, r))
    r = HOME.run(['sh', '-c', 'echo out; echo err >&2'])
    t.equal('stdout and stderr stay apart', (r.out, r.err), (b'out\n', 'err\n'))
    n = 30 * 1000 * 1000
    r = HOME.run(['sh', '-c', 'head -c %d /dev/zero' % n])
    t.equal('30 MB of output', (r.code, len(r.out)), (0, n))
    r = HOME.run(['sha256sum'], input=b'\0' * n)
    t.contains('30 MB of input', r.out.decode(), __import__('hashlib').sha256(b'\0' * n).hexdigest())
    with tempfile.TemporaryFile() as f:
        p = HOME.start(['sh', '-c', 'echo one; echo two >&2; echo three'], stdout=f, stderr=f)
        p.wait(30)
        f.seek(0)
        t.equal('both into one file', sorted(f.read().split()), [b'one', b'three', b'two'])
    p = subprocess.run(['sh', '-c', '"$0" run -- yes | head -1', WRIT], env=HOME.env, stdout=subprocess.PIPE, timeout=30)
    t.equal('yes | head -1 ends', p.stdout, b'y\n')
    p = HOME.start(['sh', '-c', 'trap "" PIPE; yes; echo $? >&2; sleep 0.1; exit 9'])
    p.stdout.read(2)
    p.stdout.close()
    p.stderr.read()
    t.equal('a closed stdout is an error of the task\'s own', p.wait(30), 9)
    r = HOME.run(['sh', '-c', 'test -t 0 || test -t 1 || test -t 2 || echo none'])
    t.equal('no terminal where there is none', r.out, b'none\n')
    r = HOME.run(['sh', '-c', 'cat & echo now; kill $!'], input=b'')
    t.equal('a background reader does not hold us', r.out, b'now\n')
    # whoever reads our output has stopped reading: the deadline and a signal still end us
    p = HOME.start(['yes'], '--ttl', '1s')
    time.sleep(2)
    p.terminate()
    try:
        p.wait(8)
        t.check('a reader that does not read cannot hold us', True)
    except subprocess.TimeoutExpired:
        t.check('a reader that does not read cannot hold us', False, 'still there after SIGTERM')
        p.kill()
    p.stdout.close()


def read_pty(fd, until, seconds=PATIENCE):
    data, end = b'', time.monotonic() + seconds
    while until not in data and time.monotonic() < end:
        if select.select([fd], [], [], 0.2)[0]:
            try:
                part = os.read(fd, 65536)
            except OSError:
                break
            if not part:
                break
            data += part
    return data


def terminal(t):
    def start(argv):
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(WRIT, [WRIT, 'run', '--'] + argv, HOME.env)
        return pid, fd

    script = 'import os, sys, time, signal\n' \
             'def w(n, f): os.write(1, b"resized %d %d" % os.get_terminal_size())\n' \
             'signal.signal(signal.SIGWINCH, w)\n' \
             'print(os.isatty(0), os.isatty(1), os.isatty(2), *os.get_terminal_size(), flush=True)\n' \
             'line = input(); print("got", line, flush=True)\n' \
             'try:\n    time.sleep(20)\nexcept KeyboardInterrupt:\n    print("interrupted", flush=True); sys.exit(33)\n'
    pid, fd = start(['sh', '-c', 'sleep 0.3; exec %s -c \'%s\'' % (PYTHON, script)])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 123, 0, 0))
    before = termios.tcgetattr(fd)
    data = read_pty(fd, b'40')
    t.check('a terminal inside, of the same size', b'True True True 123 40' in data, data)
    os.write(fd, b'typed\n')
    data = read_pty(fd, b'got typed')
    t.contains('what is typed arrives', data, b'got typed')
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 50, 99, 0, 0))
    data = read_pty(fd, b'resized')
    t.contains('a new size arrives', data + read_pty(fd, b'99 50', 2), b'resized 99 50')
    os.write(fd, b'\x03')
    data = read_pty(fd, b'interrupted')
    t.contains('Ctrl-C', data, b'interrupted')
    _, status = os.waitpid(pid, 0)
    t.equal('its exit code', os.waitstatus_to_exitcode(status), 33)
    os.close(fd)
    # the terminal's own mode is given back
    pid, fd = pty.fork()
    if pid == 0:
        os.execve('/bin/sh', ['sh', '-c', 'stty -g; "$0" run -- stty raw -echo; stty -g', WRIT], HOME.env)
    data = b''
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        data += part
    os.waitpid(pid, 0)
    lines = data.split()
    t.check('the terminal is given back as it was', len(lines) >= 2 and lines[0] == lines[-1], data)
    os.close(fd)


def orphans(t):
    mark = 'orphan-%d-%s' % (os.getpid(), os.urandom(4).hex())
    script = 'import os, sys, time\n' \
             'for i in range(3):\n' \
             '    if os.fork() == 0:\n' \
             '        os.setsid()\n' \
             '        if os.fork() == 0:\n' \
             '            os.execv("/bin/sh", ["sh", "-c", "trap \\"\\" TERM HUP; sleep 300 & sleep 300; echo %s"])\n' \
             '        os._exit(0)\n' \
             'time.sleep(0.2)\n' % mark
    r = HOME.run([PYTHON, '-c', script])
    t.equal('a task with orphans ends', r.code, 0)
    t.check('double-forked processes are gone', wait_for(lambda: not left_of(mark), 5), left_of(mark))
    t.check('no cgroup is left', wait_for(lambda: not [g for g in cgroups() if r.task in g], 5))
    t.equal('no mount is left', mounts(), [])


BUSY = r'''
from inside import *
import urllib.request
def work():
    while True:
        try:
            urllib.request.urlopen('https://api.test/slow', timeout=20).read()
        except OSError:
            time.sleep(0.01)
for i in range(8):
    threading.Thread(target=work, daemon=True).start()
subprocess.Popen(['sh', '-c', 'trap "" TERM; setsid sleep 300; echo ' + sys.argv[1]])
time.sleep(60)
'''


def killed(t):
    def slow(conn, req):
        time.sleep(random.random() / 20)
        conn.answer(200, 'x' * 5000)
    origin = Origin(CERT, routes={'/slow': slow})
    services = {'api': service(origin, 'api.test', ca=CA, credential='api', inject='bearer')}
    inside = open(os.path.join(HERE, 'inside.py')).read()
    for victim in ('writ', 'writ-gateway', 'writ-keeper', 'writ-ledger', 'writ-init'):
        home = Home()
        home.credential('api', TOKEN)
        mark = 'busy-%s' % os.urandom(6).hex()
        p = home.profile(services, files={'job.py': BUSY, 'inside.py': inside})
        run = home.start([PYTHON, '-B', 'job.py', mark], profile=p)
        n = len(origin.seen())
        t.check('under load: ' + victim, wait_for(lambda: len(origin.seen()) > n + 20 and left_of(mark)))
        time.sleep(random.random() / 10)
        ours = {q for q in descendants(run.pid) if comm(q)}
        pid = run.pid if victim == 'writ' else child_named(run.pid, victim)
        if not t.check('found: ' + victim, pid is not None):
            run.kill()
            continue
        kill(pid)
        try:
            out, err = run.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            t.check('killed %s: ends' % victim, False, 'hangs')
            run.kill()
            out, err = run.communicate()
        if victim == 'writ-init':
            t.check('killed %s: exit code' % victim, run.returncode == 137, (run.returncode, err))
        elif victim != 'writ':
            t.check('killed %s: exit code and message' % victim, run.returncode == 125 and
                    victim in err.decode() and err.count(b'\n') == 1, (run.returncode, err))
        t.check('killed %s: no process is left' % victim,
                wait_for(lambda: not [q for q in ours if alive(q)] and not left_of(mark), 10),
                [(q, comm(q)) for q in ours if alive(q)] + left_of(mark))
        t.equal('killed %s: no mount is left' % victim, mounts(), [])
        # the next run takes the log up where it was left
        r = home.run(['true'])
        t.equal('killed %s: the next task runs' % victim, (r.code, r.err), (0, ''))
        # a launcher that was killed leaves an empty cgroup, which the next one removes
        task = sorted(home.tasks() - {r.task})[0]
        t.check('killed %s: no cgroup is left' % victim, wait_for(lambda: not [g for g in cgroups() if task in g], 5))
        code, text = home.verify()
        t.check('killed %s: the log verifies' % victim, code == 0, (code, text))
        records = home.records(task)
        allowed = {q['request_id'] for q in records if q['kind'] == 'request.decision' and q['decision'] == 'allow'}
        ended = {q['request_id'] for q in records if q['kind'] == 'request.end'}
        sent = len([q for q in origin.seen()]) - n
        if victim == 'writ-ledger':
            t.check('killed writ-ledger: that is in the log', any(q['kind'] == 'process.died' for q in records), records[-3:])
        t.check('killed %s: every request that was sent is recorded' % victim, len(allowed) >= sent, (len(allowed), sent))
        if victim not in ('writ', 'writ-gateway', 'writ-ledger'): # the dead ledger's ring takes no more
            t.equal('killed %s: requests in flight have an end' % victim, sorted(allowed - ended), [])
        if victim != 'writ':
            t.check('killed %s: the task\'s end is recorded' % victim, any(q['kind'] == 'task.end' for q in records),
                    records[-1])


def disk_full(t):
    if not ROOT:
        t.skip('disk full', 'a small file system needs root')
        return
    mount = folder('small')
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=400k,mode=755', 'tmpfs', mount], check=True)
    try:
        home = Home()
        home.dir = home.env['WRIT_HOME'] = os.path.join(mount, 'state')
        origin = Origin()
        job = 'from inside import *\n' \
              's, n, last = connect("plain.test", 80), 0, None\n' \
              'rd = Reader(s)\n' \
              'try:\n' \
              '    while n < 5000:\n' \
              '        s.sendall(b"GET /%s HTTP/1.1\\r\\nHost: plain.test\\r\\n\\r\\n" % (b"a" * 2000))\n' \
              '        last = rd.answer(); n += 1\n' \
              '        if last[0] != 200: break\n' \
              'except (OSError, EOFError) as e:\n    last = [repr(e)]\n' \
              'print(n, last, flush=True)\ntime.sleep(20)\n'
        r = home.script(job, {'plain': service(origin, 'plain.test', 'http')})
        t.check('disk full: 125 and a clear message', r.code == 125 and ('disk' in r.err or 'space' in r.err) and
                r.err.count('\n') == 1, (r.code, r.err, r.out[-300:]))
        t.check('disk full: it ended soon', len(origin.seen()) < 1000, len(origin.seen()))
        code, text = home.verify()
        t.check('disk full: the log verifies', code == 0, text)
        try:
            with open(os.path.join(mount, 'filler'), 'wb', 0) as f:
                while True:
                    f.write(b'x' * 1024)
        except OSError:
            pass
        r = home.run(['echo', 'started'])
        t.check('disk full: nothing starts', r.code == 125 and r.out == b'' and 'space' in r.err and r.err.count('\n') == 1,
                (r.code, r.out, r.err))
        os.remove(os.path.join(mount, 'filler'))
        subprocess.run(['mount', '-o', 'remount,size=8m', mount], check=True)
        r = home.run(['true'])
        t.equal('and with room again it does', (r.code, r.err), (0, ''))
    finally:
        subprocess.run(['umount', '-l', mount])


def state_folder(t):
    home = Home()
    home.dir = home.env['WRIT_HOME'] = os.path.join(folder('wide'), 'state')
    os.mkdir(home.dir)
    os.chmod(home.dir, 0o777)
    r = home.run(['true'])
    t.check('a state folder that others may write', r.code == 125 and 'writable' in r.err and r.err.count('\n') == 1, (r.code, r.err))
    home.dir = home.env['WRIT_HOME'] = '/proc/nothing'
    r = home.run(['true'])
    t.check('a state folder that cannot be made', r.code == 125 and r.err.count('\n') == 1, (r.code, r.err))
    if ROOT:
        home.dir = home.env['WRIT_HOME'] = os.path.join(folder('foreign'), 'state')
        os.mkdir(home.dir, 0o755)
        os.chown(home.dir, 12345, 12345)
        r = home.run(['true'])
        t.check('a state folder of somebody else', r.code == 125 and '12345' in r.err, (r.code, r.err))
    else:
        t.skip('a state folder of somebody else', 'needs root')
        home.dir = home.env['WRIT_HOME'] = os.path.join(folder('closed'), 'state')
        os.mkdir(home.dir, 0o500)
        r = home.run(['true'])
        t.check('a state folder that cannot be written', r.code == 125 and r.err.count('\n') == 1, (r.code, r.err))


def fifty(t):
    origin = Origin(CERT)
    services = {'api': service(origin, 'api.test', ca=CA, credential='api', inject='bearer')}
    p = HOME.profile(services)
    begin = time.monotonic()
    runs = [HOME.start(['curl', '-s', '-m', '60', '-o', '/dev/null', '-w', '%{http_code}', 'https://api.test/%d' % i], profile=p)
            for i in range(50)]
    got = [r.communicate(timeout=100) + (r.returncode,) for r in runs]
    bad = [g for g in got if g != (b'200', b'', 0)]
    t.check('50 tasks at once', not bad, bad[:3])
    if os.environ.get('WRIT_E2E_TIMES'):
        print('50 tasks at once: %.1f s' % (time.monotonic() - begin))
    code, text = HOME.verify()
    t.check('and the log verifies', code == 0, text)


def nested(t):
    # writ itself is not visible in a task unless its folder is; then it has to fail cleanly
    r = HOME.run([WRIT, 'run', '--', 'true'], '--read', os.path.dirname(os.path.dirname(WRIT)))
    t.check('a task in a task fails cleanly', r.code not in (0, 124) and r.code < 128 and r.err.strip(), (r.code, r.err))


def deadline(t):
    closed = []

    def never(conn, req):
        closed.append(conn.peer_closed())
        return False
    origin = Origin(CERT, routes={'/never': never})
    services = {'api': service(origin, 'api.test', ca=CA, credential='api', inject='bearer')}
    begin = time.monotonic()
    r = HOME.run(['curl', '-s', 'https://api.test/never'], '--ttl', '2s', profile=HOME.profile(services))
    t.check('a deadline during a request', r.code == 124 and time.monotonic() - begin < 15, (r.code, r.err))
    t.check('cuts the upstream connection', wait_for(lambda: closed == [True], 5), closed)
    t.equal('and is recorded', [q.get('reason') for q in HOME.kinds(r.task, 'request.end')], ['the task ended'])
    end = HOME.kinds(r.task, 'task.end')
    t.check('with the reason', end and 'time' in end[0].get('reason', ''), end)


if __name__ == '__main__':
    Suite().run([codes, bad_profiles, signals, streams, terminal, orphans, killed, disk_full, state_folder, fifty,
                 nested, deadline])
