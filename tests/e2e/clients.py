"""What ordinary clients do through the gateway: curl, wget, git, Python, Node; and every turn that
an exchange may take between a client and an origin, seen from both ends."""
import base64
import hashlib
import json
import os
import subprocess
import threading
import time

from harness import *

TOKEN = 'tok_' + os.urandom(12).hex()
CA = Authority()
CERT = CA.issue('api.test')


def authorized(req):
    """Each kind of injection has a prefix of its own, and nothing else is let in."""
    kind = req.path.split('/')[1]
    if kind == 'hdr':
        return [v for n, v in req.headers if n.lower().replace('_', '-').replace('.', '-') == 'x-api-key'] \
            == ['Key ' + TOKEN + '.']
    if kind == 'basic':
        return req.all('Authorization') == ['Basic ' + base64.b64encode(('ci:' + TOKEN).encode()).decode()]
    if kind == 'query':
        return [p for p in req.target.split('?', 1)[-1].split('&') if p.startswith('key=')] == ['key=' + TOKEN]
    if kind == 'cookie':
        return len(req.all('Cookie')) == 1 and \
            [c for c in req.get('Cookie', '').split('; ') if c.startswith('sid=')] == ['sid=' + TOKEN]
    return req.all('Authorization') == ['Bearer ' + TOKEN]


def services(origin, scheme='https'):
    ca = CA if scheme == 'https' else None
    common = {'credential': 'api'}
    return {
        'bearer': service(origin, 'api.test', scheme, ca, inject='bearer', **common),
        'hdr': service(origin, 'api.test', scheme, ca, '/hdr',
                       inject={'header': 'X-Api-Key', 'format': 'Key {secret}.'}, **common),
        'basic': service(origin, 'api.test', scheme, ca, '/basic', inject={'basic': 'ci'}, **common),
        'query': service(origin, 'api.test', scheme, ca, '/query', inject={'query': 'key'}, **common),
        'cookie': service(origin, 'api.test', scheme, ca, '/cookie', inject={'cookie': 'sid'}, **common),
    }


HOME = Home()
HOME.credential('api', TOKEN)


def both():
    """A TLS and a plain origin with the same services, as https://api.test and http://plain.test."""
    tls, plain = Origin(CERT, authorized), Origin(None, authorized)
    s = services(tls)
    s['plain'] = service(plain, 'plain.test', 'http', credential='api', inject='bearer')
    return tls, plain, s


# ---- the tools people use ----------------------------------------------------------------------

TOOLS = r'''
from inside import *
r = {}
r['curl'] = sh("curl -sS -H 'X-Mine: 1' https://api.test/v1?a=b")
r['curl6'] = sh("curl -sS -6 https://api.test/six")
r['curl post'] = sh("curl -sS -d 'hello world' https://api.test/post")
r['curl head'] = sh("curl -sSI https://api.test/head")
r['curl own'] = sh("curl -sS -H 'authorization: Bearer mine' https://api.test/own")
r['curl two'] = sh("curl -sS -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer mine' -H 'authorization: Basic eDp5' https://api.test/two")
r['hdr'] = sh("curl -sS -H 'X-Api-Key: mine' -H 'x_api_key: a' -H 'X.Api.Key: b' -H 'X-Api-Keys: kept' "
              "-H 'Authorization: Bearer kept' https://api.test/hdr/a")
r['basic'] = sh("curl -sS -u me:mine https://api.test/basic/a")
r['query'] = sh("curl -sS 'https://api.test/query/a?x=1&key=mine&%6bey=mine2&y=2'")
r['query only'] = sh("curl -sS 'https://api.test/query/a'")
r['query odd'] = sh("curl -sS -o /dev/null -w '%{http_code}' 'https://api.test/query/a?x=1;key=mine'")
r['cookie'] = sh("curl -sS -H 'Cookie: a=1; sid=mine; b=2' https://api.test/cookie/a")
r['cookie two'] = sh("curl -sS -H 'Cookie: a=1' -H 'Cookie: sid=mine; c=3' https://api.test/cookie/a")
r['wget'] = sh("wget -q -O - https://api.test/wget") if os.path.exists('/usr/bin/wget') else None
r['urllib'] = sh([sys.executable, '-c', "import urllib.request as u; print(u.urlopen('https://api.test/urllib').read().decode())"])
r['requests'] = sh(['/usr/bin/python3', '-c', "import requests; s = requests.Session(); print(s.get('https://api.test/req').text); print(s.post('https://api.test/req', json={'a': 1}).text)"])
r['node fetch'] = sh(['node', '-e', "fetch('https://api.test/node').then(r => r.text()).then(t => console.log(t))"]) if os.path.exists('/usr/bin/node') else None
r['node http'] = sh(['node', '-e', "require('https').get('https://api.test/node', r => { r.setEncoding('utf8'); let t = ''; r.on('data', d => t += d); r.on('end', () => console.log(t)) })"]) if os.path.exists('/usr/bin/node') else None
r['git'] = sh("git clone -q https://api.test/repo.git /tmp/repo && cat /tmp/repo/file") if os.path.exists('/usr/bin/git') else None
r['proxy plain'] = sh("http_proxy=http://127.0.0.1:3128 curl -sS http://plain.test/proxied")
r['proxy tls'] = sh("https_proxy=http://127.0.0.1:3128 curl -sS https://api.test/tunnel")
r['proxy name'] = sh("https_proxy=http://127.0.0.1:3128 curl -sS -v https://api.test/tunnel 2>&1 | grep -c 'HTTP/1.1 200 Connection'")
r['proxy urllib'] = sh([sys.executable, '-c', "import os; os.environ.update(http_proxy='http://127.0.0.1:3128', https_proxy='http://127.0.0.1:3128'); import urllib.request as u; print(u.urlopen('https://api.test/u').status, u.urlopen('http://plain.test/u').status)"])
r['redirect'] = sh("curl -sS -o /dev/null -w '%{http_code} %{redirect_url}' https://api.test/redirect")
r['gzip'] = sh("curl -sS --compressed https://api.test/gzip")
r['gzip raw'] = sh("curl -sS -H 'Accept-Encoding: gzip' https://api.test/gzip | sha256sum")
r['sse'] = sh([sys.executable, 'sse.py'])
out(r)
'''

SSE = r'''
import urllib.request, time
r = urllib.request.urlopen('https://api.test/sse')
first = r.readline()
urllib.request.urlopen('https://api.test/go').read()     # the origin sends the second one only now
r.readline()
print(first.strip().decode(), r.readline().strip().decode())
'''


def repository():
    """A repository that any file server can serve (dumb http)."""
    work, bare = folder('git'), os.path.join(folder('git'), 'repo.git')
    env = dict(HOME.env, GIT_CONFIG_GLOBAL='/dev/null', GIT_AUTHOR_NAME='t', GIT_AUTHOR_EMAIL='t@t',
               GIT_COMMITTER_NAME='t', GIT_COMMITTER_EMAIL='t@t')

    def git(*args, cwd=work):
        subprocess.run(('git',) + args, cwd=cwd, env=env, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    git('init', '-q')
    with open(os.path.join(work, 'file'), 'w') as f:
        f.write('from the repository\n')
    git('add', 'file')
    git('commit', '-q', '-m', 'one')
    git('clone', '-q', '--bare', work, bare)
    git('update-server-info', cwd=bare)
    return bare


def tools(t):
    import gzip
    go = threading.Event()
    packed = gzip.compress(b'squeezed' * 100, mtime=0)
    git_ok = have('git')
    bare = repository() if git_ok else None

    def sse(conn, req):
        conn.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'
                  'd\r\ndata: first\n\n\r\n')
        go.wait(PATIENCE)
        conn.send('e\r\ndata: second\n\n\r\n0\r\n\r\n')

    def release(conn, req):
        go.set()
        conn.answer(200, 'go')

    tls, plain, s = both()
    tls.routes.update({
        '/sse': sse, '/go': release,
        '/redirect': lambda c, q: c.answer(302, '', [('Location', 'http://169.254.169.254/')], 'Found'),
        '/gzip': lambda c, q: c.answer(200, packed, [('Content-Encoding', 'gzip')]),
    })

    class Files(dict):
        def get(self, path, default=None):
            if not path.startswith('/repo.git/'):
                return super().get(path, default)

            def serve(conn, req):
                name = os.path.normpath(bare + path[len('/repo.git'):])
                if not authorized(req):
                    conn.answer(401)
                elif os.path.isfile(name) and name.startswith(bare):
                    conn.answer(200, open(name, 'rb').read())
                else:
                    conn.answer(404)
            return serve
    tls.routes = Files(tls.routes)

    r = HOME.script(TOOLS, s, files={'sse.py': SSE})
    t.equal('tools: exit code', r.code, 0)
    got = r.json()

    def answered(name, **want):
        if got[name] is None:
            t.skip(name, 'not installed')
            return None
        try:
            a = json.loads(got[name][1])
        except ValueError:
            t.check(name, False, got[name])
            return None
        t.check(name, all(a.get(k) == v for k, v in want.items()), a)
        return a

    def header(a, name):
        return [v for n, v in (a or {}).get('headers', []) if n.lower() == name.lower()]

    a = answered('curl', method='GET', target='/v1?a=b')
    t.equal('curl: the task\'s own header arrives', header(a, 'X-Mine'), ['1'])
    t.equal('curl: one Host', header(a, 'Host'), ['api.test'])
    answered('curl6', target='/six')
    answered('curl post', method='POST', len=11)
    t.contains('curl head', got['curl head'][1], '200 OK')
    a = answered('curl own')
    t.equal('own authorization removed', header(a, 'Authorization'), ['Bearer ' + TOKEN])
    t.equal('two of a header that comes once', got['curl two'][1], '400')
    a = answered('hdr')
    names = [n.lower() for n, _ in (a or {}).get('headers', [])]
    t.check('look-alikes of the header removed', 'x_api_key' not in names and 'x.api.key' not in names, names)
    t.equal('a header of another name stays', header(a, 'X-Api-Keys'), ['kept'])
    t.equal('another header\'s service keeps Authorization', header(a, 'Authorization'), ['Bearer kept'])
    answered('basic')
    answered('query', target='/query/a?x=1&y=2&key=' + TOKEN)
    answered('query only', target='/query/a?key=' + TOKEN)
    t.equal('a query that hides the parameter', got['query odd'][1], '400')
    a = answered('cookie')
    t.equal('cookies', header(a, 'Cookie'), ['a=1; b=2; sid=' + TOKEN])
    a = answered('cookie two')
    t.equal('two cookie headers', header(a, 'Cookie'), ['a=1; c=3; sid=' + TOKEN])
    for name in ('wget', 'urllib', 'node fetch', 'node http'):
        answered(name, method='GET')
    if 'No module' in got['requests'][2]:
        t.skip('requests', 'not installed')
    else:
        lines = [json.loads(l) for l in got['requests'][1].splitlines()]
        t.equal('requests', [(l['method'], l['conn'] > 0) for l in lines], [('GET', True), ('POST', True)])
    if git_ok:
        t.equal('git clone', got['git'][:2], [0, 'from the repository\n'])
    else:
        t.skip('git', 'not installed')
    a = answered('proxy plain', method='GET', target='/proxied')
    t.equal('proxy: no Proxy-Connection beyond here', header(a, 'Proxy-Connection'), [])
    answered('proxy tls', target='/tunnel')
    t.equal('proxy: CONNECT was used', got['proxy name'][1].strip(), '1')
    t.equal('proxy: urllib', got['proxy urllib'][1].strip(), '200 200')
    t.equal('redirects are handed on, not followed', got['redirect'][1], '302 http://169.254.169.254/')
    t.equal('gzip', got['gzip'][1], 'squeezed' * 100)
    t.equal('gzip untouched', got['gzip raw'][1].split()[0], hashlib.sha256(packed).hexdigest())
    t.equal('events arrive as they are sent', got['sse'][1].strip(), 'data: first data: second')
    t.check('no token in what the task printed by itself', TOKEN not in r.err)
    ends = HOME.kinds(r.task, 'request.end')
    t.check('every answer is in the ledger', len(ends) >= 25, len(ends))
    t.check('the ledger never has the token', TOKEN not in json.dumps(HOME.records(r.task)))


# ---- framing -----------------------------------------------------------------------------------

FRAMING = r'''
from inside import *
r = {}
def get(path, head='', method='GET', tls=True, body=''):
    return '%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n%s' % (method, path, 'api.test' if tls else 'plain.test', head, body)
def one(path, head='', method='GET', body='', tls=True):
    s = connect('api.test' if tls else 'plain.test', 443 if tls else 80, tls)
    s.sendall(get(path, head, method, tls, body).encode())
    try:
        a = Reader(s).answer(method == 'HEAD')
        return [a[0], a[1], a[2].decode('latin-1'), a[3]]
    except (EOFError, OSError) as e:
        return ['broken', repr(e)]
    finally:
        s.close()
r['head'] = one('/len', method='HEAD')
r['204'] = one('/204')
r['304'] = one('/304')
r['chunked'] = one('/chunked')
r['trailers'] = one('/trailers', 'TE: trailers\r\n')
r['trailers unwanted'] = one('/trailers')
r['close'] = one('/close')
r['http10'] = one('/http10')
r['http10 client'] = raw('GET /chunked HTTP/1.0\r\nHost: api.test\r\n\r\n', 'api.test', 443, True)
r['http10 keep'] = raw('GET /len HTTP/1.0\r\nHost: api.test\r\nConnection: keep-alive\r\n\r\nGET /len HTTP/1.0\r\nHost: api.test\r\n\r\n', 'api.test', 443, True)
r['upload chunked'] = one('/echo', 'Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n', 'POST', '5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-Sum: 11\r\n\r\n')
r['101'] = one('/101')
r['101 asked'] = one('/101', 'Connection: Upgrade\r\nUpgrade: foo\r\n')
r['websocket'] = one('/ws', 'Connection: Upgrade\r\nUpgrade: websocket\r\n')
for name in ('two lengths', 'cl te', 'bad chunk', 'short', 'folded', 'nul', 'no answer', 'garbage', 'huge head', 'te gzip'):
    r['bad ' + name] = one('/bad/' + name.replace(' ', '-'))
# 100-continue
s = connect('api.test', 443, True)
rd = Reader(s)
s.sendall(get('/continue', 'Expect: 100-continue\r\nContent-Length: 4\r\n', 'POST').encode())
a = rd.answer(); s.sendall(b'body'); b = rd.answer()
r['continue'] = [a[0], b[0], b[2].decode()]
r['417'] = one('/417', 'Expect: 100-continue\r\nContent-Length: 4\r\n', 'POST')
r['no continue'] = one('/nocontinue', 'Expect: 100-continue\r\nContent-Length: 4\r\n', 'POST', 'body')
r['other expect'] = one('/len', 'Expect: magic\r\n')
r['early hints'] = one('/103')
# the answer comes while the body is still being sent
s = connect('api.test', 443, True)
s.sendall(get('/early', 'Content-Length: 1000000\r\n', 'POST').encode() + b'x' * 1000)
a = Reader(s).answer()
r['early'] = [a[0], a[1].get('connection')]
# keep-alive and pipelining
s = connect('api.test', 443, True)
rd = Reader(s)
conns = []
for i in range(5):
    s.sendall(get('/ka').encode())
    conns.append(json.loads(rd.answer()[2])['conn'])
r['keep-alive'] = conns
s.sendall(b''.join(get('/p%d' % i).encode() for i in range(20)) + get('/last', 'Connection: close\r\n').encode())
r['pipelined'] = [json.loads(rd.answer()[2])['target'] for i in range(21)]
r['closed after'] = read_all(s).decode()
s = connect('api.test', 443, True)
for c in get('/slowly', 'X-A: b\r\n'):
    s.sendall(c.encode())
r['byte by byte'] = Reader(s).answer()[0]
# every byte a TLS record, all of them in one segment
bio = ssl.MemoryBIO(), ssl.MemoryBIO()
o = ssl.create_default_context().wrap_bio(*bio, server_hostname='api.test')
s = connect('api.test', 443)
def turn(what):
    while True:
        try:
            return what()
        except ssl.SSLWantReadError:
            s.sendall(bio[1].read())
            bio[0].write(s.recv(65536))
turn(o.do_handshake)
s.sendall(bio[1].read())
for c in get('/records', 'X-A: b\r\n'):
    o.write(c.encode())
s.sendall(bio[1].read())
try:
    r['records at once'] = turn(lambda: o.read(12)).decode()
except OSError as e:
    r['records at once'] = repr(e)
s = connect('api.test', 443, True)
s.sendall(get('/post1', 'Content-Length: 5\r\n', 'POST').encode() + b'12345' + get('/post2', 'Content-Length: 3\r\n', 'PUT').encode() + b'abc')
rd = Reader(s)
r['pipelined bodies'] = [json.loads(rd.answer()[2])['len'] for i in range(2)]
out(r)
'''


def framing(t):
    early_closed = []

    def send(text, keep=True):
        return lambda c, q: (c.send(text), keep)[1]

    @raw_body
    def cont(conn, req):
        t.equal('Expect is passed on', req.get('Expect'), '100-continue')
        t.check('the body waits for 100', conn.buf == b'')
        conn.send('HTTP/1.1 100 Continue\r\n\r\n')
        conn.read_body(req)
        conn.answer(200, req.body)

    @raw_body
    def refuse(conn, req):
        conn.answer(417, 'no', reason='Expectation Failed')
        return not conn.peer_closed()

    @raw_body
    def early(conn, req):
        conn.answer(413, 'too much', reason='Too Large')
        early_closed.append(conn.peer_closed())
        return False

    length = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'
    tls, plain, s = both()
    tls.routes.update({
        '/len': lambda c, q: c.send(length + ('' if q.method == 'HEAD' else 'hello')),
        '/204': send('HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n'),
        '/304': send('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99\r\n\r\n'),
        '/chunked': send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n'),
        '/trailers': send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n1\r\na\r\n0\r\nX-T: 7\r\n\r\n'),
        '/close': send('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end', False),
        '/http10': send('HTTP/1.0 200 OK\r\n\r\nold', False),
        '/echo': lambda c, q: c.answer(200, json.dumps([q.body.decode(), q.trailers, q.all('Transfer-Encoding')])),
        '/101': send('HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\nbytes', False),
        '/103': send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n' + length + 'hello'),
        '/continue': cont, '/417': refuse, '/early': early,
        '/bad/two-lengths': send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'),
        '/bad/cl-te': send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
        '/bad/bad-chunk': send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n'),
        '/bad/short': send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', False),
        '/bad/folded': send('HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n'),
        '/bad/nul': send('HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 0\r\n\r\n'),
        '/bad/no-answer': send('', False),
        '/bad/garbage': send('SSH-2.0-hello\r\n\r\n'),
        '/bad/huge-head': send('HTTP/1.1 200 OK\r\n' + 'X-A: %s\r\n' % ('y' * 1000) * 80 + '\r\n'),
        '/bad/te-gzip': send('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'),
    })
    r = HOME.script(FRAMING, s)
    got = r.json()
    t.equal('HEAD', [got['head'][0], got['head'][1].get('content-length'), got['head'][2]], [200, '5', ''])
    t.equal('204', [got['204'][0], got['204'][1].get('x-a'), got['204'][1].get('content-length')], [204, 'b', None])
    t.equal('304', [got['304'][0], got['304'][1].get('etag')], [304, '"x"'])
    t.equal('chunked', got['chunked'][2], 'abcde')
    t.equal('trailers', got['trailers'][2:], ['a', ['X-T: 7']])
    t.equal('trailers only for those who ask', got['trailers unwanted'][2:], ['a', []])
    t.equal('an answer that ends with the connection', got['close'][2], 'until the end')
    t.equal('an HTTP/1.0 origin', got['http10'][2], 'old')
    t.check('an HTTP/1.0 client gets no chunks', got['http10 client'].endswith('\r\n\r\nabcde') and
            'hunked' not in got['http10 client'], got['http10 client'])
    t.equal('an HTTP/1.0 client keeps its connection', got['http10 keep'].count('hello'), 2)
    t.equal('a chunked upload', json.loads(got['upload chunked'][2]),
            ['hello world', ['X-Sum: 11'], ['chunked']])
    for name in ('101', '101 asked'):
        t.equal(name + ' refused', got[name][0], 502)
    t.equal('websocket', got['websocket'][0], 501)
    for name in ('two lengths', 'cl te', 'folded', 'nul', 'no answer', 'garbage', 'huge head', 'te gzip'):
        t.equal('bad answer: ' + name, got['bad ' + name][0], 502)
    for name in ('bad chunk', 'short'):
        t.equal('broken answer is cut, not ended: ' + name, got['bad ' + name][0], 'broken')
    t.equal('100-continue', got['continue'], [100, 200, 'body'])
    t.equal('417', got['417'][0], 417)
    t.equal('an answer without 100', [got['no continue'][0], json.loads(got['no continue'][2])['len']], [200, 4])
    t.equal('another expectation', got['other expect'][0], 417)
    t.equal('early hints', [got['early hints'][0], got['early hints'][2]], [200, 'hello'])
    t.equal('early answer', got['early'], [413, 'close'])
    t.check('early answer: that connection is not used again', wait_for(lambda: early_closed == [True]), early_closed)
    t.equal('keep-alive on both sides', len(set(got['keep-alive'])), 1)
    t.equal('pipelined', got['pipelined'], ['/p%d' % i for i in range(20)] + ['/last'])
    t.equal('closed when asked to', got['closed after'], '')
    t.equal('byte by byte', got['byte by byte'], 200)
    t.equal('many TLS records in one segment', got['records at once'], 'HTTP/1.1 200')
    t.equal('pipelined bodies', got['pipelined bodies'], [5, 3])
    ends = {q['request_id']: q for q in HOME.kinds(r.task, 'request.end')}
    t.check('broken answers have a reason in the ledger',
            sum(1 for q in ends.values() if 'reason' in q) >= 12, len(ends))


# ---- pooled connections ------------------------------------------------------------------------

POOL = r'''
from inside import *
r = {}
def one(path, method='GET', body='', head=''):
    s = connect('api.test', 443, True)
    s.sendall(('%s %s HTTP/1.1\r\nHost: api.test\r\nContent-Length: %d\r\n%s\r\n%s' % (method, path, len(body), head, body)
               if method != 'GET' else 'GET %s HTTP/1.1\r\nHost: api.test\r\n%s\r\n' % (path, head)).encode())
    a = Reader(s).answer()
    s.close()
    return [a[0], a[2].decode('latin-1')]
r['warm'] = one('/x')
r['dead get'] = one('/dying/1')
r['dead post'] = one('/warm2') and one('/dying/2', 'POST', 'abc')
r['leftover'] = [one('/leftover'), one('/after')]
r['idle junk'] = [one('/junk'), time.sleep(0.3), one('/after2')]
r['gone'] = []
s = connect('api.test', 443, True)
s.sendall(b'GET /stream HTTP/1.1\r\nHost: api.test\r\n\r\n')
Reader(s).until(b'first')
s.close()
s = connect('api.test', 443, True)
s.sendall(b'GET /silent HTTP/1.1\r\nHost: api.test\r\n\r\n')
time.sleep(0.2)
s.close()
s = connect('api.test', 443, True)
s.sendall(b'POST /upload HTTP/1.1\r\nHost: api.test\r\nContent-Length: 100\r\n\r\nhalf')
time.sleep(0.2)
s.close()
for i in range(50):
    r['closed'] = json.loads(one('/closed')[1])
    if len(r['closed']) == 3:
        break
    time.sleep(0.1)
r['after gone'] = one('/after3')
out(r)
'''


def pool(t):
    closed = {}

    def dying(conn, req):
        if conn.requests > 1:
            return False      # a request on a used connection: gone without an answer
        conn.answer(200, 'fresh')

    def junk(conn, req):
        conn.answer(200, 'ok')
        time.sleep(0.1)
        conn.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged')

    def stream(conn, req):
        conn.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n')
        closed['stream'] = conn.peer_closed(10)
        return False

    def silent(conn, req):
        closed['silent'] = conn.peer_closed(10)
        return False

    @raw_body
    def upload(conn, req):
        closed['upload'] = conn.peer_closed(10)
        return False

    origin = Origin(CERT, authorized, {
        '/dying/1': dying, '/dying/2': dying, '/junk': junk, '/stream': stream, '/silent': silent, '/upload': upload,
        '/closed': lambda c, q: c.answer(200, json.dumps(closed)),
        '/leftover': lambda c, q: c.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n'
                                         'Content-Length: 6\r\n\r\nforged')})
    r = HOME.script(POOL, services(origin))
    got = r.json()
    t.equal('a pooled connection that died: GET is sent again', got['dead get'], [200, 'fresh'])
    t.equal('it was sent twice', len(origin.seen('/dying/1')), 2)
    t.equal('a pooled connection that died: POST is not', got['dead post'][0], 502)
    t.equal('it was sent once', len(origin.seen('/dying/2')), 1)
    for name in ('leftover', 'idle junk'):
        t.check('bytes behind an answer reach nobody: ' + name, 'forged' not in json.dumps(got[name]) and
                got[name][-1][0] == 200, got[name])
    for name in ('stream', 'silent', 'upload'):
        t.check('the client goes away, so does the upstream connection: ' + name, got['closed'].get(name), got['closed'])
    t.equal('and the next request is served', got['after gone'][0], 200)
    t.equal('in the ledger', [q.get('reason') for q in HOME.kinds(r.task, 'request.end')].count('the client went away'), 3)


# ---- size and number ---------------------------------------------------------------------------

BIG = r'''
from inside import *
import hashlib, http.client
N = 200 * 1000 * 1000
block = bytes(range(256)) * 4096
def down(tls):
    c = http.client.HTTPSConnection('api.test') if tls else http.client.HTTPConnection('plain.test')
    c.request('GET', '/down')
    h, n, a = hashlib.sha256(), 0, c.getresponse()
    while True:
        d = a.read(1 << 20)
        if not d:
            return [n, h.hexdigest()]
        h.update(d); n += len(d)
def up(tls):
    c = http.client.HTTPSConnection('api.test') if tls else http.client.HTTPConnection('plain.test')
    def parts():
        left = N
        while left:
            yield block[:left]
            left -= min(left, len(block))
    c.request('POST', '/up', parts(), {'Content-Length': str(N)})
    a = json.loads(c.getresponse().read())
    return [a['len'], a['sha']]
out({'down': down(True), 'up': up(True), 'down plain': down(False), 'up chunked': None})
'''


def big(t):
    n = 200 * 1000 * 1000
    block = bytes(range(256)) * 4096
    sha = hashlib.sha256()
    left = n
    while left:
        sha.update(block[:left])
        left -= min(left, len(block))

    def down(conn, req):
        conn.send('HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % n)
        left = n
        while left:
            conn.send(block[:left])
            left -= min(left, len(block))

    tls, plain, s = both()
    tls.routes['/down'] = plain.routes['/down'] = down
    peaks = []
    p = HOME.profile(s, files={'job.py': BIG, 'inside.py': open(os.path.join(HERE, 'inside.py')).read()},
                     command=[PYTHON, '-B', 'job.py'])
    run = HOME.start([], profile=p)
    wait_for(lambda: child_named(run.pid, 'writ-gateway'))
    gateway = child_named(run.pid, 'writ-gateway')

    def watch():
        while run.poll() is None:
            try:
                peaks.append(status_kib(gateway, 'RssAnon'))
            except OSError:
                pass
            time.sleep(0.02)
    threading.Thread(target=watch, daemon=True).start()
    out, err = run.communicate(timeout=110)
    got = json.loads(out)
    t.equal('200 MB down over TLS', got['down'], [n, sha.hexdigest()])
    t.equal('200 MB up over TLS', got['up'], [n, sha.hexdigest()])
    t.equal('200 MB down', got['down plain'], [n, sha.hexdigest()])
    peak = max(x for x in peaks if x is not None)
    if os.environ.get('WRIT_E2E_TIMES'):
        print('gateway RssAnon KiB: idle %s, most %s' % (next(x for x in peaks if x), peak))
    t.check('the gateway stays small while it streams', peak < 8192, '%d KiB' % peak)


MANY = r'''
from inside import *
N = 200
go = threading.Barrier(N)
bad = []
def one(i):
    try:
        s = connect('api.test', 443, True, timeout=60)
        go.wait(60)
        rd = Reader(s)
        for k in range(3):
            s.sendall(('GET /n/%d/%d HTTP/1.1\r\nHost: api.test\r\n\r\n' % (i, k)).encode())
            a = rd.answer()
            if a[0] != 200 or json.loads(a[2])['target'] != '/n/%d/%d' % (i, k):
                bad.append([i, k, a[0], a[2].decode('latin-1')])
    except Exception as e:
        bad.append([i, repr(e)])
ts = [threading.Thread(target=one, args=(i,)) for i in range(N)]
for x in ts: x.start()
for x in ts: x.join()
out(bad)
'''


def many(t):
    origin = Origin(CERT, authorized)
    r = HOME.script(MANY, services(origin))
    t.equal('200 connections at once', r.json(), [])
    t.equal('all answered', len(origin.seen()), 600)


SLOW = r'''
from inside import *
import select
drip = connect('plain.test', 80)
drip.sendall(b'GET / HTTP/1.1\r\nHost: plain.test\r\n')
half = connect('plain.test', 80)
half.sendall(b'GET / HT')
nothing = connect('plain.test', 80)
hello = connect('api.test', 443)
hello.sendall(bytes.fromhex('1603010200010001fc0303'))
tls = connect('api.test', 443, True)
all_ = {'drip': drip, 'half': half, 'nothing': nothing, 'hello': hello, 'tls': tls}
ended, data, begin = {}, {k: b'' for k in all_}, time.monotonic()
n = 0
while len(ended) < len(all_) and time.monotonic() - begin < 45:
    n += 1
    try:
        if 'drip' not in ended:
            drip.sendall(b'X-%d: y\r\n' % n if n % 2 else b'Z')
    except OSError:
        pass
    for k, s in all_.items():
        if k in ended:
            continue
        s.settimeout(0.1)
        try:
            d = s.recv(4096)
        except (socket.timeout, ssl.SSLWantReadError):
            continue
        except OSError:
            d = b''
        data[k] += d
        if not d:
            ended[k] = round(time.monotonic() - begin, 1)
    time.sleep(0.3)
out({'ended': ended, 'data': {k: v.decode('latin-1') for k, v in data.items()}})
'''


def slowloris(t):
    tls, plain, s = both()
    r = HOME.script(SLOW, s)
    got = r.json()
    for k in ('drip', 'half', 'nothing', 'hello', 'tls'):
        t.check('a head that never ends is not waited for: ' + k, k in got['ended'], got['ended'])
    for k in ('drip', 'half'):
        t.check('408: ' + k, ' 408 ' in got['data'][k], got['data'][k])
    t.equal('nothing reached the origin', len(plain.seen()) + len(tls.seen()), 0)


if __name__ == '__main__':
    suite = Suite()
    side = threading.Thread(target=lambda: slowloris(suite))  # it only waits, half a minute long
    if len(sys.argv) < 3:
        side.start()

    def patience(t):
        if side.is_alive():
            side.join(60)
    suite.run([tools, framing, pool, many, big, patience] if len(sys.argv) < 3 else
              [tools, framing, pool, many, big, slowloris])
