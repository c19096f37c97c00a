"""What the end-to-end tests share: an origin server with full control of its bytes, profiles,
`writ run`, and the ledger as JSON.

Each test file is a program: `FILE.py PATH-OF-WRIT`. It prints one line for each failed check and,
last, `N passed, N failed` (and `, N skipped`). Everything it makes is in a folder of its own under
$TMPDIR that is removed at the end; ports are chosen by the kernel.
"""
import atexit
import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = '/usr/bin/python3'
# writ's own processes, to be looked for when a task is over
PROGRAMS = ('writ', 'writ-gateway', 'writ-keeper', 'writ-ledger', 'writ-init')
# A machine that is busy with something else gets this much time for what takes none.
PATIENCE = 30.0


class Suite:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.Lock()

    def check(self, what, ok, detail=''):
        with self.lock:
            if ok:
                self.passed += 1
            else:
                self.failed += 1
                print('FAIL %s%s' % (what, ': ' + str(detail)[:900] if detail != '' else ''), flush=True)
        return bool(ok)

    def equal(self, what, got, want):
        return self.check(what, got == want, 'got %r, want %r' % (got, want))

    def contains(self, what, text, part):
        return self.check(what, part in text, '%r is not in %r' % (part, text))

    def skip(self, what, why):
        with self.lock:
            self.skipped += 1
            print('SKIP %s: %s' % (what, why), flush=True)

    def run(self, tests):
        only = sys.argv[2:]
        for t in tests:
            if only and t.__name__ not in only:
                continue
            begin = time.monotonic()
            try:
                t(self)
            except Exception:
                self.check(t.__name__, False, traceback.format_exc()[-900:])
            if os.environ.get('WRIT_E2E_TIMES'):
                print('%-40s %6.2f s' % (t.__name__, time.monotonic() - begin), flush=True)
        tail = ', %d skipped' % self.skipped if self.skipped else ''
        print('%d passed, %d failed%s' % (self.passed, self.failed, tail), flush=True)
        cleanup()
        os._exit(1 if self.failed or not self.passed else 0)  # threads of the origins may still serve


WRIT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else 'writ'
ROOT = os.geteuid() == 0
_base = tempfile.mkdtemp(prefix='writ-e2e.')
os.chmod(_base, 0o755)
_at_end = []


def cleanup():
    while _at_end:
        try:
            _at_end.pop()()
        except OSError:
            pass
    shutil.rmtree(_base, ignore_errors=True)


atexit.register(cleanup)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # of a test that takes too long: clean up, too
_serial = [0]


def folder(name='d'):
    _serial[0] += 1
    path = os.path.join(_base, '%s%d' % (name, _serial[0]))
    os.mkdir(path, 0o755)
    return path


def have(program):
    return shutil.which(program, path='/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin') is not None


def wait_for(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())


# ---- certificates ------------------------------------------------------------------------------

class Authority:
    def __init__(self, name='test CA'):
        self.dir = folder('ca')
        self.cert = os.path.join(self.dir, 'ca.pem')
        self.key = os.path.join(self.dir, 'ca.key')
        _openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days',
                 '2', '-subj', '/CN=' + name, '-keyout', self.key, '-out', self.cert)

    def issue(self, name, days=2, ip=False):
        """The certificate and key of one host, as two paths."""
        _serial[0] += 1
        stem = os.path.join(self.dir, 'leaf%d' % _serial[0])
        _openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=x',
                 '-keyout', stem + '.key', '-out', stem + '.csr')
        with open(stem + '.ext', 'w') as f:
            f.write('subjectAltName=%s:%s\n' % ('IP' if ip else 'DNS', name))
        _openssl('x509', '-req', '-in', stem + '.csr', '-CA', self.cert, '-CAkey', self.key,
                 '-CAcreateserial', '-days', str(days), '-extfile', stem + '.ext', '-out', stem + '.pem')
        return stem + '.pem', stem + '.key'


def _openssl(*args):
    subprocess.run(('openssl',) + args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# ---- the origin --------------------------------------------------------------------------------

class Request:
    def __init__(self, head, conn):
        lines = head.decode('latin-1').split('\r\n')
        self.raw = head
        self.conn = conn
        self.method, self.target, self.version = lines[0].split(' ')
        self.path = self.target.split('?')[0]
        self.headers = [tuple(l.split(': ', 1)) if ': ' in l else (l, '') for l in lines[1:] if l]
        self.body = b''
        self.body_len = 0
        self.body_sha = None
        self.trailers = []

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def get(self, name, default=None):
        v = self.all(name)
        return v[0] if v else default


class Conn:
    """One connection of the origin: bytes in, bytes out, nothing done behind the test's back."""

    def __init__(self, origin, sock, number):
        self.origin, self.sock, self.number = origin, sock, number
        self.buf = b''
        self.requests = 0

    def more(self):
        data = self.sock.recv(262144)
        self.buf += data
        return len(data)

    def until(self, mark):
        while mark not in self.buf:
            if not self.more():
                return None
        head, self.buf = self.buf.split(mark, 1)
        return head

    def read_head(self):
        head = self.until(b'\r\n\r\n')
        if head is None:
            return None
        req = Request(head, self.number)
        self.requests += 1
        with self.origin.lock:
            self.origin.requests.append(req)
        return req

    def take(self, n, sink):
        while n:
            if not self.buf and not self.more():
                raise EOFError
            part, self.buf = self.buf[:n], self.buf[n:]
            sink(part)
            n -= len(part)

    def read_body(self, req):
        sha = hashlib.sha256()
        keep = []

        def sink(part):
            sha.update(part)
            req.body_len += len(part)
            if req.body_len < 1 << 20:
                keep.append(part)
        if req.get('Transfer-Encoding') == 'chunked':
            while True:
                line = self.until(b'\r\n')
                if line is None:
                    raise EOFError
                size = int(line.split(b';')[0], 16)
                if size == 0:
                    break
                self.take(size, sink)
                self.take(2, lambda p: None)
            while True:
                line = self.until(b'\r\n')
                if not line:
                    break
                req.trailers.append(line.decode())
        else:
            self.take(int(req.get('Content-Length', '0')), sink)
        req.body, req.body_sha = b''.join(keep), sha.hexdigest()

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode('latin-1'))

    def answer(self, status=200, body=b'', headers=(), reason='OK'):
        if isinstance(body, str):
            body = body.encode()
        lines = ['HTTP/1.1 %d %s' % (status, reason)]
        lines += ['%s: %s' % h for h in headers]
        lines.append('Content-Length: %d' % len(body))
        self.send('\r\n'.join(lines).encode('latin-1') + b'\r\n\r\n' + body)

    def peer_closed(self, seconds=PATIENCE):
        """True once the gateway has closed this connection."""
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(65536):
                pass
            return True
        except socket.timeout:
            return False
        except OSError:
            return True


def raw_body(fn):
    """Marks a route that reads the request's body itself."""
    fn.raw_body = True
    return fn


class Origin:
    """routes: path -> fn(conn, req); a route that returns False closes the connection. What has no
    route gets a JSON description of the request; without the credential, 401."""

    def __init__(self, tls=None, auth=None, routes=None, family=socket.AF_INET, greeting=b''):
        self.greeting = greeting  # sent before anything is asked
        self.routes = dict(routes or {})
        self.auth = auth
        self.requests = []
        self.conns = []
        self.lock = threading.Lock()
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(('::1' if family == socket.AF_INET6 else '127.0.0.1', 0))
        self.listener.listen(512)
        self.port = self.listener.getsockname()[1]
        self.context = None
        if tls is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
        self.handshake_errors = 0
        threading.Thread(target=self._accept, daemon=True).start()
        _at_end.append(self.close)

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context is not None:
            try:
                sock = self.context.wrap_socket(sock, server_side=True)
            except (OSError, ssl.SSLError):
                self.handshake_errors += 1
                return
        with self.lock:
            conn = Conn(self, sock, len(self.conns) + 1)
            self.conns.append(conn)
        try:
            sock.sendall(self.greeting)
            while self._one(conn):
                pass
        except (OSError, EOFError, ssl.SSLError, ValueError):
            pass
        try:
            if self.context is not None:
                sock.unwrap()
        except (OSError, ssl.SSLError, ValueError):
            pass
        try:
            sock.close()
        except OSError:
            pass

    def _one(self, conn):
        req = conn.read_head()
        if req is None:
            return False
        fn = self.routes.get(req.path)
        if fn is None or not getattr(fn, 'raw_body', False):
            conn.read_body(req)
        if fn is not None:
            return fn(conn, req) is not False
        if self.auth is not None and not self.auth(req):
            conn.answer(401, '{"error":"unauthorized"}', reason='Unauthorized')
            return True
        conn.answer(200, json.dumps({'method': req.method, 'target': req.target, 'headers': req.headers,
                                     'len': req.body_len, 'sha': req.body_sha, 'trailers': req.trailers,
                                     'conn': conn.number}),
                    [('Content-Type', 'application/json')])
        return True

    def seen(self, path=None):
        with self.lock:
            return [r for r in self.requests if path is None or r.path == path]

    def forget(self):
        with self.lock:
            self.requests.clear()


# ---- writ --------------------------------------------------------------------------------------

class Result:
    def __init__(self, code, out, err, tasks):
        self.code, self.out, self.err = code, out, err
        self.task = tasks[0] if len(tasks) == 1 else None
        self.tasks = tasks

    def json(self):
        """What the script inside printed: one JSON document."""
        try:
            return json.loads(self.out)
        except ValueError:
            raise AssertionError('no JSON from the task (exit %d): %r %r' %
                                 (self.code, self.out[-500:], self.err[-800:])) from None


PERMIT_ALL = 'permit (principal, action, resource);\n'


class Home:
    """A WRIT_HOME of its own, and what `writ` does with it."""

    def __init__(self):
        self.dir = os.path.join(folder('home'), 'state')
        self.env = {'PATH': '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', 'WRIT_HOME': self.dir,
                    'HOME': _base, 'LANG': 'C.UTF-8'}
        if 'WRIT_LIBEXEC' in os.environ:
            self.env['WRIT_LIBEXEC'] = os.environ['WRIT_LIBEXEC']

    def writ(self, *args, input=None, timeout=120):
        return subprocess.run((WRIT,) + args, env=self.env, input=input, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout)

    def credential(self, name, value, env=None):
        args = ['credential', 'add', name] + (['--env', env] if env else [])
        r = self.writ(*args, input=value.encode())
        if r.returncode != 0:
            raise AssertionError('credential add %s: %s' % (name, r.stderr))

    def tasks(self):
        try:
            return {n[:-len('.jsonl')] for n in os.listdir(os.path.join(self.dir, 'ledger', 'tasks'))
                    if n.endswith('.jsonl')}
        except FileNotFoundError:
            return set()

    def profile(self, services=None, policy=PERMIT_ALL, files=None, **keys):
        """A profile folder; YAML's flow style is JSON."""
        path = folder('profile')
        doc = {'version': '1', 'name': 'test', 'command': ['true'], 'files': {'read': ['.']}}
        doc.update(keys)
        if services:
            doc['services'] = services = {k: dict(v) for k, v in services.items()}
            for name, s in services.items():
                if 'ca' in s:
                    shutil.copy(s['ca'], os.path.join(path, name + '-ca.pem'))
                    s['ca'] = name + '-ca.pem'
        with open(os.path.join(path, 'policy.cedar'), 'w') as f:
            f.write(policy)
        if services or 'policy' in keys:
            doc.setdefault('policy', ['policy.cedar'])
        for name, text in (files or {}).items():
            with open(os.path.join(path, name), 'wb') as f:
                f.write(text if isinstance(text, bytes) else text.encode())
        with open(os.path.join(path, 'profile.yaml'), 'w') as f:
            f.write(_flow(doc) + '\n')
        return path

    def run(self, argv, *flags, profile=None, input=None, timeout=120, **popen):
        before = self.tasks()
        p = self.start(argv, *flags, profile=profile,
                       stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL, **popen)
        try:
            out, err = p.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            raise AssertionError('writ run %r hangs: %r %r' % (argv, out[-500:], err[-500:]))
        return Result(p.returncode, out, err.decode('utf-8', 'replace') if err else '',
                      sorted(self.tasks() - before))

    def start(self, argv, *flags, profile=None, **popen):
        args = [WRIT, 'run'] + list(flags)
        if profile is not None:
            args += ['--profile', profile]
        if argv:
            args += ['--'] + list(argv)
        popen.setdefault('stdout', subprocess.PIPE)
        popen.setdefault('stderr', subprocess.PIPE)
        return subprocess.Popen(args, env=self.env, **popen)

    def script(self, source, services=None, policy=PERMIT_ALL, files=None, flags=(), timeout=120, **keys):
        """Runs a Python script as a task; it finds inside.py beside it."""
        all_files = {'job.py': source, 'inside.py': open(os.path.join(HERE, 'inside.py')).read()}
        all_files.update(files or {})
        p = self.profile(services, policy, all_files, command=[PYTHON, '-B', 'job.py'], **keys)
        return self.run([], *flags, profile=p, timeout=timeout)

    def records(self, task):
        r = self.writ('audit', 'show', task, '--json')
        if r.returncode != 0:
            raise AssertionError('audit show: %s' % r.stderr)
        out = [json.loads(line) for line in r.stdout.decode().splitlines()]
        return out

    def kinds(self, task, kind):
        return [r for r in self.records(task) if r['kind'] == kind]

    def verify(self):
        r = self.writ('audit', 'verify')
        return r.returncode, (r.stdout + r.stderr).decode('utf-8', 'replace')


def _flow(v):
    if isinstance(v, dict):
        return '{' + ', '.join('%s: %s' % (k, _flow(x)) for k, x in v.items()) + '}'
    if isinstance(v, (list, tuple)):
        return '[' + ', '.join(_flow(x) for x in v) + ']'
    return json.dumps(str(v))


def service(origin, host, scheme='https', ca=None, prefix='', port=None, **keys):
    s = {'url': '%s://%s%s%s' % (scheme, host, ':%d' % port if port else '', prefix),
         'connect': '127.0.0.1:%d' % origin.port, 'addresses': ['127.0.0.0/8']}
    if ca is not None:
        s['ca'] = ca.cert
    s.update(keys)
    return s


# ---- what is left ------------------------------------------------------------------------------

def descendants(pid):
    """Process ids below pid, as the host sees them."""
    parents = {}
    for d in os.listdir('/proc'):
        if d.isdigit():
            try:
                with open('/proc/%s/stat' % d) as f:
                    parents[int(d)] = int(f.read().rsplit(')', 1)[1].split()[1])
            except OSError:
                pass
    found, grew = {pid}, True
    while grew:
        more = {p for p, q in parents.items() if q in found} - found
        found |= more
        grew = bool(more)
    return found - {pid}


def comm(pid):
    try:
        with open('/proc/%d/comm' % pid) as f:
            return f.read().strip()
    except OSError:
        return None


def child_named(pid, name):
    for p in descendants(pid):
        if (comm(p) or '') == name[:15]:
            return p
    return None


def alive(pid):
    try:
        with open('/proc/%d/stat' % pid) as f:
            return f.read().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False


def status_kib(pid, field):
    with open('/proc/%d/status' % pid) as f:
        for line in f:
            if line.startswith(field + ':'):
                return int(line.split()[1])
    return None


def kill(pid, sig=signal.SIGKILL):
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass
