"""The credential is in no page, file, variable or output of the task, in no argument or variable of
ours, and not in the ledger. A canary shows that the search would have found it, in each encoding."""
import base64
import json
import os
import re
import threading

from harness import *

CA = Authority()
CERT = CA.issue('api.test')
TOKEN = 'tok_' + os.urandom(15).hex() + '/+?'   # has bytes that URL encoding changes
CANARY = 'cny_' + os.urandom(15).hex() + '/+?'
HOME = Home()
HOME.credential('api', TOKEN)


def encodings(text):
    from urllib.parse import quote
    raw = text.encode()
    found = {'plain': raw, 'hex': raw.hex().encode(), 'HEX': raw.hex().upper().encode(), 'url': quote(text, safe='').encode(),
             'reversed': raw[::-1]}
    for lead in range(3):   # wherever the secret begins in what was encoded
        b = base64.b64encode(b'x' * lead + raw)
        found['base64+%d' % lead] = b[(4 if lead else 0):len(b) // 4 * 4 - 4]
    return found


def regions(pid):
    with open('/proc/%d/maps' % pid) as f:
        for line in f:
            m = re.match(r'([0-9a-f]+)-([0-9a-f]+) r\S* \S+ \S+ \S+\s*(.*)', line)
            if m and m.group(3) not in ('[vvar]', '[vsyscall]', '[vvar_vclock]'):
                yield int(m.group(1), 16), int(m.group(2), 16), m.group(3)


def scan(pid, needles):
    """Which needles are in which mappings of a process: {needle: [where]}; None: it cannot be read."""
    found, read = {}, 0
    try:
        with open('/proc/%d/mem' % pid, 'rb', 0) as mem:
            for start, end, name in regions(pid):
                at, tail = start, b''
                while at < end:
                    n = min(4 << 20, end - at)
                    try:
                        mem.seek(at)
                        data = mem.read(n)
                    except (OSError, ValueError, OverflowError):
                        break   # a page that nobody may read, as those of memfd_secret
                    if not data:
                        break
                    read += len(data)
                    hay = tail + data
                    for k, v in needles.items():
                        if v in hay:
                            found.setdefault(k, []).append(name or 'anonymous')
                    tail = hay[-200:]
                    at += len(data)
    except OSError:
        return None
    return found if read else None


JOB = r'''
from inside import *
import base64, ctypes, urllib.parse, hashlib
canary = open('canary').read()
raw = canary.encode()
# the positive control: the job holds the canary in every encoding; the file is not the token's
held = [raw, raw.hex().encode(), raw.hex().upper().encode(), urllib.parse.quote(canary, safe='').encode(), raw[::-1]]
held += [base64.b64encode(b'x' * i + raw) for i in range(3)]
a = connect('api.test', 443, True)
ra = Reader(a)
a.sendall(b'GET /one HTTP/1.1\r\nHost: api.test\r\n\r\n')
first = ra.answer()
a.sendall(b'GET /open HTTP/1.1\r\nHost: api.test\r\n\r\n')    # stays open while it is searched
ra.until(b'begin')
b = connect('plain.test', 80)
b.sendall(b'GET /one HTTP/1.1\r\nHost: plain.test\r\n\r\n')
Reader(b).answer()
# an upload that the origin does not read: the request's head has gone out, its body has not
c = connect('plain.test', 80)
c.sendall(b'POST /stall HTTP/1.1\r\nHost: plain.test\r\nContent-Length: 100000000\r\n\r\n')
c.settimeout(0.5)
try:
    while True:
        c.sendall(b'y' * 65536)
except socket.timeout:
    pass
child = subprocess.Popen(['sleep', '60'])
own = {}
for p in os.listdir('/proc'):
    if p.isdigit():
        for name in ('environ', 'cmdline', 'comm'):
            try:
                own[p + name] = open('/proc/%s/%s' % (p, name), 'rb').read().decode('latin-1')
            except OSError:
                pass
files = {}
for top in ('/tmp', '/home', '/run', '/etc', '/dev/shm', '.'):
    for d, _, names in os.walk(top):
        for n in names:
            try:
                files[os.path.join(d, n)] = open(os.path.join(d, n), 'rb').read(16384).decode('latin-1')
            except OSError:
                pass
with open('/tmp/seen', 'w') as f:
    json.dump([own, files], f)
sys.stdout.write(json.dumps([first[0], own, files]) + '\n')
sys.stdout.flush()
sys.stdin.readline()
assert held
'''


def everywhere(t):
    done = threading.Event()

    def open_(conn, req):
        conn.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n')
        done.wait(60)
        return False
    @raw_body
    def stall(conn, req):
        done.wait(60)
        return False
    right = lambda q: q.get('Authorization') == 'Bearer ' + TOKEN
    quiet = lambda c, q: c.answer(200 if right(q) else 401, 'x' * 100000)   # an answer that does not echo the request
    tls, plain = Origin(CERT, routes={'/open': open_, '/one': quiet}), Origin(routes={'/one': quiet, '/stall': stall})
    services = {'api': service(tls, 'api.test', ca=CA, credential='api', inject='bearer'),
                'plain': service(plain, 'plain.test', 'http', credential='api', inject='bearer')}
    p = HOME.profile(services, files={'job.py': JOB, 'canary': CANARY, 'inside.py': open(os.path.join(HERE, 'inside.py')).read()},
                     command=[PYTHON, '-B', 'job.py'])
    run = HOME.start([], profile=p, stdin=subprocess.PIPE)
    line = run.stdout.readline()
    token, canary = encodings(TOKEN), encodings(CANARY)
    try:
        status, own, files = json.loads(line)
    except ValueError:
        t.check('the job runs', False, (line[-300:], run.communicate()[1][-600:]))
        return
    t.equal('the credential worked', status, 200)
    words = [(k, v.decode('latin-1')) for k, v in token.items()]
    for where, text in list(own.items()) + list(files.items()) + [('output', line.decode())]:
        bad = [k for k, v in words if v in text]
        if bad:
            t.check('the token is in ' + where, False, bad)
    if not own and not ROOT:
        t.skip('our own variables and arguments', 'the /proc around us hides them from their own user')
    else:
        t.check('searched variables and arguments', len(own) > 6, len(own))
    t.check('searched files', len(files) > 20, len(files))

    ours = {q: comm(q) for q in descendants(run.pid) | {run.pid}}
    programs = {q for q, c in ours.items() if c in ('writ', 'writ-gateway', 'writ-keeper', 'writ-ledger', 'writ-init')}
    inside = set(ours) - programs | {q for q, c in ours.items() if c == 'writ-init'}
    t.check('the task has processes', len(inside) >= 3, ours)
    controls = set()
    scanned = 0
    both = {**token, **{'canary ' + k: v for k, v in canary.items()}}
    for q in inside:
        found = scan(q, both)
        if found is None:
            continue
        scanned += 1
        t.equal('no token in the memory of %s' % ours[q], [k for k in found if k in token], [])
        controls |= {k[len('canary '):] for k in found if k not in token}
    if ROOT:
        t.check('every process of the task was searched', scanned == len(inside), (scanned, ours))
        t.equal('the search finds a canary in every encoding', sorted(controls), sorted(canary))
    else:
        t.skip('memory of the task, from outside', 'needs root') if not scanned else None
    for q in programs:
        for name in ('cmdline', 'environ'):
            try:
                with open('/proc/%d/%s' % (q, name), 'rb') as f:
                    data = f.read()
            except OSError:
                continue
            t.equal('no token in %s of %s' % (name, ours[q]), [k for k, v in token.items() if v in data], [])
        if ROOT:
            found = scan(q, dict(token, control=b'plain.test'))
            if ours[q] == 'writ-gateway':
                t.check('the search reads the gateway', found is not None and found.pop('control', None))
            (found or {}).pop('control', None)
            if os.environ.get('WRIT_E2E_TIMES'):
                print(ours[q], 'unreadable' if found is None else found)
            t.check('no token in ordinary memory of %s' % ours[q], not found, found)
    if not ROOT:
        t.skip('memory of our own processes', 'needs root')
    done.set()
    run.stdin.close()
    out, err = run.stdout.read(), run.stderr.read()
    run.wait(30)
    t.equal('no token in the output', [k for k, v in token.items() if v in out + err], [])
    for d, _, names in os.walk(HOME.dir):
        for n in names:
            with open(os.path.join(d, n), 'rb') as f:
                data = f.read()
            t.equal('no token in the state file ' + n, [k for k, v in token.items() if v in data], [])


if __name__ == '__main__':
    Suite().run([everywhere])
