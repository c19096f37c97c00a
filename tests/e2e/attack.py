"""Attacks that worked once: each with a control that shows the way to be open to who may go it."""
import json
import os
import pty

from harness import *

HOME = Home()
TOKEN = 'tok_' + os.urandom(12).hex()
HOME.credential('api', TOKEN)

ASK = r'''
from inside import *
out({k: raw(v, 'plain.test') for k, v in json.load(open('requests.json')).items()})
'''
H = 'Host: plain.test\r\nConnection: close\r\n'
CREDENTIAL = {'credential': 'api', 'plaintext': 'true'}


def ask(requests, origin, policy=PERMIT_ALL, **keys):
    """What the task read in answer to each request, and the records."""
    r = HOME.script(ASK, {'plain': service(origin, 'plain.test', 'http', **keys)}, policy=policy,
                    files={'requests.json': json.dumps(requests)})
    return r.json(), HOME.records(r.task)


def get(target, more='', method='GET'):
    return '%s %s HTTP/1.1\r\n%s%s\r\n' % (method, target, H, more)


def status(text):
    return text[9:12]


# ---- the credential ----------------------------------------------------------------------------

def echoes(t):
    """Servers that answer with what they were asked: TRACE, redirects that mend a path, cookies that
    are set anew."""
    o = Origin(routes={
        '/echo': lambda c, q: c.answer(200, q.raw),
        '/dir': lambda c, q: c.answer(301, 'to ' + q.target, [('Location', 'http://plain.test/dir/?' + q.target.partition('?')[2])]),
        '/moved': lambda c, q: c.answer(301, 'to', [('Location', '/elsewhere?a=1')]),
        '/cookie': lambda c, q: c.answer(200, 'ok', [('Set-Cookie', q.get('Cookie', '') + '; Path=/'), ('Set-Cookie', 'other=1')])})
    got, records = ask({'TRACE': get('/echo', method='TRACE'), 'TRACK': get('/echo', method='TRACK'),
                        'control': get('/x')}, o, inject='bearer', **CREDENTIAL)
    for name in ('TRACE', 'TRACK'):
        t.check('%s does not return the credential' % name, TOKEN not in got[name], got[name])
        t.equal('%s is refused' % name, status(got[name]), '403')
        t.check('... and recorded', any(q['kind'] == 'request.refused' and q.get('method') == name for q in records))
    t.equal('control: GET passes with the credential', o.seen('/x')[0].get('Authorization'), 'Bearer ' + TOKEN)
    t.equal('nothing else arrived', len(o.seen()), 1)
    o.forget()
    got, _ = ask({'TRACE': get('/echo', method='TRACE')}, o)
    t.equal('control: TRACE to a service without a credential', status(got['TRACE']), '200')
    o.forget()
    got, _ = ask({'dir': get('/dir'), 'moved': get('/moved')}, o, inject={'query': 'key'}, **CREDENTIAL)
    t.check('a redirect does not return the credential', TOKEN not in got['dir'] and status(got['dir']) == '502', got['dir'])
    t.check('control: it was sent', TOKEN in o.seen('/dir')[0].target)
    t.contains('control: other redirects pass', got['moved'], 'Location: /elsewhere?a=1\r\n')
    got, _ = ask({'cookie': get('/cookie')}, o, inject={'cookie': 'session'}, **CREDENTIAL)
    t.check('a cookie that is set anew does not return the credential', TOKEN not in got['cookie'], got['cookie'])
    t.check('control: the answer passes, and other cookies', status(got['cookie']) == '200' and
            'Set-Cookie: other=1\r\n' in got['cookie'], got['cookie'])


# ---- policy ------------------------------------------------------------------------------------

def headers(t):
    """What policy requires or forbids, and what the server gets."""
    o = Origin()
    policy = 'permit (principal, action, resource) when { context.input.headers has "x-dry-run" && ' \
             'context.input.headers["x-dry-run"] == "true" } unless { context.input.headers has "x-danger" };\n'
    dry = 'X-Dry-Run: true\r\n'
    requests = {'listed': dry + 'Connection: X-Dry-Run\r\n', 'twice': dry + 'X-Dry-Run: false\r\n',
                'twice-first': 'X-Dry-Run: false\r\n' + dry, 'alike': dry + 'X_Dry_Run: false\r\n',
                'alike-only': 'X_Dry_Run: true\r\n', 'forbidden': dry + 'X-Danger: 1\r\n', 'forbidden-alike': dry + 'X_Danger: 1\r\n',
                'good': dry, 'good-twice': dry + 'Accept: a/b\r\nAccept: c/d\r\n', 'good-odd': dry + 'api_key: 1\r\n'}
    requests = {k: get('/' + k, v) for k, v in requests.items()}
    requests['good-trailer'] = get('/good-trailer', dry + 'Transfer-Encoding: chunked\r\n', 'POST') + '0\r\nX-Danger: 1\r\n\r\n'
    got, _ = ask(requests, o, policy)
    for name in requests:
        t.check('headers: ' + name, (status(got[name]) == '200') == name.startswith('good'), got[name])
    t.check('only what was judged arrived', all(q.path.startswith('/good') and q.get('X-Dry-Run') == 'true' for q in o.seen()),
            [(q.path, q.headers) for q in o.seen()])
    t.equal('no trailer that nobody judged', o.seen('/good-trailer')[0].trailers, [])
    t.equal('control: a list passes as it is', o.seen('/good-twice')[0].all('Accept'), ['a/b', 'c/d'])


def escapes(t):
    """A prohibition holds for every spelling that servers take for what it names."""
    o = Origin()
    policy = 'permit (principal, action, resource) unless { (context.input has query && ' \
             'context.input.query like "*export*") || context.input.path like "*:delete" || ' \
             'context.input.path like "/@admin*" };\n'
    bad = ['/a?format=export', '/a?format=%65xport', '/a?%65%78%70%6f%72%74', '/x:delete', '/x%3Adelete', '/x%3a%64elete',
           '/%40admin', '/@admin']
    good = {'/a?format=x%2d%7E': '/a?format=x-~', '/a?b=%26%3d+%20': '/a?b=%26%3D+%20', '/x%3aread': '/x:read',
            '/a%2bb': '/a%2Bb', '/a?f[x]=1': '/a?f%5Bx%5D=1'}
    got, _ = ask({p: get(p) for p in bad + list(good)}, o, policy)
    for p in bad:
        t.equal('denied: ' + p, status(got[p]), '403')
    for p in good:
        t.equal('control: ' + p, status(got[p]), '200')
    t.equal('what arrives is what was judged', [q.target for q in o.seen()], list(good.values()))


# ---- files -------------------------------------------------------------------------------------

def links(t):
    """A folder inside a writable one, which the task puts a link in the way of for its next run."""
    d = folder('project')
    for name in ('out/a/keys', 'keys', 'real'):
        os.makedirs(os.path.join(d, name))
    os.symlink('real', os.path.join(d, 'mine'))
    with open(d + '/keys/key', 'w') as f:
        f.write('not yours')
    p = HOME.profile(command=['sh', '-c', 'mv %s/out/a %s/out/b && ln -s .. %s/out/a; cat %s/keys/key; echo x >%s/keys/evil' % ((d,) * 5)],
                     files=None)
    with open(p + '/profile.yaml') as f:
        text = f.read().replace('{read: ["."]}', '{write: [%s/out, %s/out/a/keys, %s/mine]}' % (d, d, d))
    with open(p + '/profile.yaml', 'w') as f:
        f.write(text)
    first, second = HOME.run([], profile=p), HOME.run([], profile=p)
    t.check('control: the first run starts, over a link that is ours', first.task is not None and os.path.islink(d + '/out/a'), first.err)
    t.check('the second does not follow the link of the first', second.task is None and 'leads over a symbolic link' in second.err,
            (second.out, second.err))
    t.equal('nothing was written there', os.listdir(d + '/keys'), ['key'])
    r = HOME.run(['true'], '--write', d + '/out', '--read', d + '/out/a/keys')
    t.check('nor do flags', r.code == 125 and 'leads over a symbolic link' in r.err, (r.code, r.err))


# ---- denial of service -------------------------------------------------------------------------

def interim(t):
    """An origin that never comes to its answer."""
    def flood(c, q):
        for _ in range(200):
            c.send(b'HTTP/1.1 103 Early Hints\r\n\r\n' * 5000)
        c.answer(200, 'late')
    o = Origin(routes={'/flood': flood, '/few': lambda c, q: (c.send(b'HTTP/1.1 103 E\r\n\r\n' * 50), c.answer(200, 'x'))[1]})
    got, _ = ask({'flood': get('/flood'), 'few': get('/few')}, o)
    t.equal('a flood of interim answers is cut', status(got['flood']), '502')
    t.equal('control: some are none', status(got['few']), '200')


RECORDS = r'''
from inside import *
import select
r = {}
for size in (1, 7, 1000):
    s = connect('api.test', 443)
    i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(i, o, server_hostname='api.test')
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            s.sendall(o.read())
            i.write(s.recv(65536))
    text = b'GET /x HTTP/1.1\r\nHost: api.test\r\nX-Long: ' + b'a' * 300 + b'\r\n\r\n'
    for at in range(0, len(text), size):
        tls.write(text[at:at + size])
    s.sendall(o.read())
    s.settimeout(5)
    r[size] = ''
    try:
        while not r[size]:
            i.write(s.recv(65536))
            try:
                r[size] = tls.read(12).decode()
            except ssl.SSLWantReadError:
                pass
    except OSError as e:
        r[size] = str(e)
    s.close()
out(r)
'''


def records(t):
    """A request in many TLS records that arrive at once."""
    ca = Authority()
    r = HOME.script(RECORDS, {'api': service(Origin(tls=ca.issue('api.test')), 'api.test', ca=ca)})
    t.equal('each is answered', r.json(), {k: 'HTTP/1.1 200' for k in ('1', '7', '1000')})


def stuck_terminal(t):
    """A terminal that nobody reads: the task floods it, and its time ends all the same."""
    for name, flags, want in (('flood', ('--ttl', '1s'), 124), ('control', (), 0)):
        master, slave = pty.openpty()
        argv = ['yes'] if name == 'flood' else ['true']
        begin = time.monotonic()
        p = HOME.start(argv, *flags, stdin=subprocess.DEVNULL, stdout=slave)
        try:
            code = p.wait(15)
        except subprocess.TimeoutExpired:
            p.kill()
            code = 'stuck'
        p.communicate()
        os.close(slave)
        os.close(master)
        t.equal('stuck terminal: %s ends' % name, code, want)
        t.check('... soon (%s)' % name, time.monotonic() - begin < 10)


if __name__ == '__main__':
    Suite().run([echoes, headers, escapes, links, interim, records, stuck_terminal])
