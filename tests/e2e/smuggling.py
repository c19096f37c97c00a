"""Requests that two readers could read in two ways, and requests for what is none of the task's
services: each is refused, recorded, and the origin sees nothing."""
import json
import os
import re

from harness import *

CA = Authority()
CERT = CA.issue('api.test')
TOKEN = 'tok_' + os.urandom(12).hex()
HOME = Home()
HOME.credential('api', TOKEN)

# Raw requests to http://plain.test. Each must get its status and the connection closed.
H = 'Host: plain.test\r\n'
AMBIGUOUS = {
    'bare LF': 'GET /x HTTP/1.1\nHost: plain.test\n\n',
    'bare LF in the head': 'GET /x HTTP/1.1\r\nHost: plain.test\nX-A: b\r\n\r\n',
    'bare LF at the end': 'GET /x HTTP/1.1\r\n' + H + '\n',
    'bare CR': 'GET /x HTTP/1.1\r\n' + H + 'X-A: b\rX-B: c\r\n\r\n',
    'folding': 'GET /x HTTP/1.1\r\n' + H + 'X-A: b\r\n c\r\n\r\n',
    'folding with tab': 'GET /x HTTP/1.1\r\n' + H + 'X-A: b\r\n\tc\r\n\r\n',
    'folded first line': 'GET /x HTTP/1.1\r\n X: y\r\n' + H + '\r\n',
    'two lengths': 'POST /x HTTP/1.1\r\n' + H + 'Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
    'the same length twice': 'POST /x HTTP/1.1\r\n' + H + 'Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc',
    'lengths in a list': 'POST /x HTTP/1.1\r\n' + H + 'Content-Length: 3, 3\r\n\r\nabc',
    'signed length': 'POST /x HTTP/1.1\r\n' + H + 'Content-Length: +3\r\n\r\nabc',
    'negative length': 'POST /x HTTP/1.1\r\n' + H + 'Content-Length: -3\r\n\r\nabc',
    'hexadecimal length': 'POST /x HTTP/1.1\r\n' + H + 'Content-Length: 0x3\r\n\r\nabc',
    'huge length': 'POST /x HTTP/1.1\r\n' + H + 'Content-Length: 99999999999999999999\r\n\r\nabc',
    'empty length': 'POST /x HTTP/1.1\r\n' + H + 'Content-Length:\r\n\r\nabc',
    'length with a blank': 'POST /x HTTP/1.1\r\n' + H + 'Content-Length: 1 2\r\n\r\nabc',
    'length and chunked': 'POST /x HTTP/1.1\r\n' + H + 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'chunked and length': 'POST /x HTTP/1.1\r\n' + H + 'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n',
    'chunked twice': 'POST /x HTTP/1.1\r\n' + H + 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'chunked, chunked': 'POST /x HTTP/1.1\r\n' + H + 'Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n',
    'chunked not last': 'POST /x HTTP/1.1\r\n' + H + 'Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n',
    'identity': 'POST /x HTTP/1.1\r\n' + H + 'Transfer-Encoding: identity\r\n\r\n',
    'odd chunked': 'POST /x HTTP/1.1\r\n' + H + 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
    'chunked with a tab': 'POST /x HTTP/1.1\r\n' + H + 'Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n',
    'chunked in HTTP/1.0': 'POST /x HTTP/1.0\r\n' + H + 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'blank before the colon': 'POST /x HTTP/1.1\r\n' + H + 'Content-Length : 3\r\n\r\nabc',
    'blank in a name': 'GET /x HTTP/1.1\r\n' + H + 'X A: b\r\n\r\n',
    'no colon': 'GET /x HTTP/1.1\r\n' + H + 'nothing\r\n\r\n',
    'no name': 'GET /x HTTP/1.1\r\n' + H + ': b\r\n\r\n',
    'NUL in a value': 'GET /x HTTP/1.1\r\n' + H + 'X-A: b\0c\r\n\r\n',
    'NUL in a name': 'GET /x HTTP/1.1\r\n' + H + 'X\0A: b\r\n\r\n',
    'NUL in the target': 'GET /x\0y HTTP/1.1\r\n' + H + '\r\n',
    'no Host': 'GET /x HTTP/1.1\r\nX-A: b\r\n\r\n',
    'two Hosts': 'GET /x HTTP/1.1\r\n' + H + H + '\r\n',
    'two other Hosts': 'GET /x HTTP/1.1\r\n' + H + 'Host: api.test\r\n\r\n',
    'Host list': 'GET /x HTTP/1.1\r\nHost: plain.test, api.test\r\n\r\n',
    'Host with a user': 'GET /x HTTP/1.1\r\nHost: a@plain.test\r\n\r\n',
    'Host with a path': 'GET /x HTTP/1.1\r\nHost: plain.test/a\r\n\r\n',
    'empty Host': 'GET /x HTTP/1.1\r\nHost:\r\n\r\n',
    'odd port': 'GET /x HTTP/1.1\r\nHost: plain.test:80:80\r\n\r\n',
    'Host against the target': 'GET http://plain.test/x HTTP/1.1\r\nHost: api.test\r\n\r\n',
    'user in the target': 'GET http://a@plain.test/x HTTP/1.1\r\n' + H + '\r\n',
    'other scheme': 'GET ftp://plain.test/x HTTP/1.1\r\n' + H + '\r\n',
    'no version': 'GET /x\r\n' + H + '\r\n',
    'HTTP/0.9': 'GET /x\r\n\r\n',
    'HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'HTTP/1.2': 'GET /x HTTP/1.2\r\n' + H + '\r\n',
    'HTTP/01.1': 'GET /x HTTP/01.1\r\n' + H + '\r\n',
    'lower case http': 'GET /x http/1.1\r\n' + H + '\r\n',
    'two blanks': 'GET  /x HTTP/1.1\r\n' + H + '\r\n',
    'tab': 'GET\t/x\tHTTP/1.1\r\n' + H + '\r\n',
    'blank in the target': 'GET /x y HTTP/1.1\r\n' + H + '\r\n',
    'blank before the method': ' GET /x HTTP/1.1\r\n' + H + '\r\n',
    'odd method': 'G<T /x HTTP/1.1\r\n' + H + '\r\n',
    'relative target': 'GET x HTTP/1.1\r\n' + H + '\r\n',
    'fragment': 'GET /x#y HTTP/1.1\r\n' + H + '\r\n',
    'high bytes in the target': 'GET /\xff HTTP/1.1\r\n' + H + '\r\n',
    'backslash': 'GET /a\\b HTTP/1.1\r\n' + H + '\r\n',
    'asterisk GET': 'GET * HTTP/1.1\r\n' + H + '\r\n',
    'TRACE with length': 'TRACE /x HTTP/1.1\r\n' + H + 'Content-Length: 3\r\n\r\nabc',
    'Connection hides Host': 'GET /x HTTP/1.1\r\n' + H + 'Connection: host\r\n\r\n',
    'Connection hides the length': 'POST /x HTTP/1.1\r\n' + H + 'Content-Length: 3\r\nConnection: content-length\r\n\r\nabc',
    'Connection hides the credential': 'GET /x HTTP/1.1\r\n' + H + 'Connection: authorization\r\n\r\n',
    'method override': 'POST /x HTTP/1.1\r\n' + H + 'X-HTTP-Method-Override: DELETE\r\n\r\n',
    'method override 2': 'POST /x HTTP/1.1\r\n' + H + 'X-HTTP-Method: DELETE\r\n\r\n',
    'method override 3': 'POST /x HTTP/1.1\r\n' + H + 'x-method-override: DELETE\r\n\r\n',
    'method override with _': 'POST /x HTTP/1.1\r\n' + H + 'X_HTTP_Method_Override: DELETE\r\n\r\n',
    'url override': 'GET /x HTTP/1.1\r\n' + H + 'X-Original-URL: /admin\r\n\r\n',
    'url override 2': 'GET /x HTTP/1.1\r\n' + H + 'X-Rewrite-URL: /admin\r\n\r\n',
    'query with a blank': 'GET /x?a=b c HTTP/1.1\r\n' + H + '\r\n',
    'bad escape': 'GET /x%zz HTTP/1.1\r\n' + H + '\r\n',
    'cut escape': 'GET /x%2 HTTP/1.1\r\n' + H + '\r\n',
    'escaped NUL': 'GET /x%00 HTTP/1.1\r\n' + H + '\r\n',
    'escaped CR LF': 'GET /x%0d%0aX HTTP/1.1\r\n' + H + '\r\n',
}
# These are over a limit, and say so.
LIMITS = {
    'a long target': ('GET /%s HTTP/1.1\r\n%s\r\n' % ('a' * 17000, H), 414),
    'a long header': ('GET /x HTTP/1.1\r\n%sX-A: %s\r\n\r\n' % (H, 'b' * 40000), 431),
    'many headers': ('GET /x HTTP/1.1\r\n%s%s\r\n' % (H, 'X-A: b\r\n' * 200), 431),
    'an endless head': ('GET /x HTTP/1.1\r\n%s%s' % (H, 'X-A: b\r\n' * 20000), 431),
    'a long method': ('%s /x HTTP/1.1\r\n%s\r\n' % ('M' * 100, H), (400, 501)),
}
# A body that is ambiguous is noticed while it is sent: the origin may see the head, never the rest.
BODIES = {
    'bad chunk size': 'zz\r\nabc\r\n0\r\n\r\n',
    'chunk size with a sign': '+3\r\nabc\r\n0\r\n\r\n',
    'chunk size with 0x': '0x3\r\nabc\r\n0\r\n\r\n',
    'chunk size too large': 'fffffffffffffffff\r\nabc\r\n0\r\n\r\n',
    'bare LF behind the size': '3\nabc\r\n0\r\n\r\n',
    'no CRLF behind the data': '3\r\nabcX0\r\n\r\n',
    'LF in an extension': '3;a=b\nc\r\nabc\r\n0\r\n\r\n',
    'blank before the size': ' 3\r\nabc\r\n0\r\n\r\n',
    'forbidden trailer': '3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n',
    'trailer with the credential': '3\r\nabc\r\n0\r\nAuthorization: Bearer x\r\n\r\n',
    'long extension': '3;%s\r\nabc\r\n0\r\n\r\n' % ('a' * 5000),
}

JOB = r'''
from inside import *
cases = json.load(open('cases.json'))
r = {'ambiguous': {}, 'limits': {}, 'bodies': {}}
for name, data in cases['ambiguous'].items():
    # what follows must never be taken for a request
    r['ambiguous'][name] = raw(data + 'GET /follow HTTP/1.1\r\nHost: plain.test\r\n\r\n', 'plain.test', timeout=4)
for name, (data, _) in cases['limits'].items():
    r['limits'][name] = raw(data, 'plain.test')
for name, data in cases['bodies'].items():
    r['bodies'][name] = raw('POST /body HTTP/1.1\r\nHost: plain.test\r\nTransfer-Encoding: chunked\r\n\r\n' + data +
                            'GET /follow HTTP/1.1\r\nHost: plain.test\r\n\r\n', 'plain.test', timeout=4)
out(r)
'''


def refusal(text):
    """status, JSON body, closed"""
    if not text.startswith('HTTP/1.1 '):
        return None, None, text
    head, _, body = text.partition('\r\n\r\n')
    try:
        return int(head.split(' ')[1]), json.loads(body), head
    except ValueError:
        return int(head.split(' ')[1]), None, text


def answers(text):
    return len(re.findall(r'HTTP/1.1 [2-5]\d\d ', text))


def plain_service(origin, **keys):
    return service(origin, 'plain.test', 'http', credential='api', inject='bearer', **keys)


def ambiguous(t):
    plain = Origin()
    cases = {'ambiguous': AMBIGUOUS, 'limits': LIMITS, 'bodies': BODIES}
    r = HOME.script(JOB, {'plain': plain_service(plain)}, files={'cases.json': json.dumps(cases)})
    got = r.json()
    records = HOME.kinds(r.task, 'request.refused')
    for name, text in got['ambiguous'].items():
        status, body, head = refusal(text)
        want = (413,) if name == 'huge length' else (400, 501, 505, 421) if name in ('HTTP/2', 'HTTP/1.2', 'identity', 'odd chunked',
                                                 'chunked, chunked', 'chunked not last') else (400,)
        t.check('refused: ' + name, status in want and body is not None and body['error'] and body['reason'] and
                body['policy'] == [] and body['request_id'], text[-300:])
        t.check('closed: ' + name, 'Connection: close' in str(head) and answers(text) == 1 and
                not text.endswith('!OPEN'), text[-300:])
    reasons = [q.get('reason') for q in records]
    refused = [refusal(x)[1] for x in got['ambiguous'].values()]
    for body in refused:
        if body is not None:
            t.check('in the ledger: ' + body['reason'],
                    any(q.get('request_id') == body['request_id'] and q.get('reason') == body['reason'] for q in records),
                    reasons)
    for name, text in got['limits'].items():
        status, body, head = refusal(text)
        want = LIMITS[name][1]
        t.check('limit: ' + name, status in (want if isinstance(want, tuple) else (want,)) and body is not None,
                text[-300:])
    seen = [q.path for q in plain.seen() if q.path != '/body']
    t.equal('the origin saw nothing of all this', seen, [])
    for name, text in got['bodies'].items():
        status, body, head = refusal(text)
        t.check('body: ' + name, status == 400 and answers(text) == 1, text[-300:])


# ---- where to ----------------------------------------------------------------------------------

WHERE = r'''
from inside import *
r = {}
G = 'GET /%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n'
r['host is another service'] = raw(G % ('a', 'api.test'), 'plain.test')
r['host is no service'] = raw(G % ('b', 'evil.test'), 'plain.test')
r['address is another'] = raw(G % ('c', 'plain.test'), '93.184.216.34')
r['address of the other service'] = raw(G % ('d', 'plain.test'), 'second.test')
r['sni against host'] = raw(G % ('e', 'second.test'), 'api.test', 443, True)
r['sni of no service'] = raw(G % ('f', 'api.test'), 'api.test', 443, True, sni='evil.test')
r['sni of another service'] = raw(G % ('g', 'api.test'), 'api.test', 443, True, sni='tls2.test')
r['port against host'] = raw(G % ('h', 'plain.test:8080'), 'plain.test')
r['absolute elsewhere'] = raw('GET http://evil.test/i HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n', '127.0.0.1', 3128)
r['good https of a proxy'] = raw('GET https://api.test/good HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n', '127.0.0.1', 3128)
r['absolute metadata'] = raw('GET http://169.254.169.254/k HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: close\r\n\r\n', '127.0.0.1', 3128)
r['absolute loopback'] = raw('GET http://127.0.0.1/l HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n', '127.0.0.1', 3128)
for name in ('169.254.169.254:80', '127.0.0.1:22', '[::1]:80', 'evil.test:443', 'api.test:22', 'plain.test:443', 'api.test:80', '[fd00:ec2::254]:80', '2852039166:80', 'localhost:443'):
    r['connect ' + name] = raw('CONNECT %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' % (name, name), '127.0.0.1', 3128)
r['connect without a port'] = raw('CONNECT api.test HTTP/1.1\r\nHost: api.test\r\n\r\n', '127.0.0.1', 3128)
r['connect against host'] = raw('CONNECT api.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n', '127.0.0.1', 3128)
r['connect with bytes'] = raw('CONNECT plain.test:80 HTTP/1.1\r\nHost: plain.test:80\r\n\r\nGET /m HTTP/1.1\r\nHost: plain.test\r\n\r\n', '127.0.0.1', 3128)
r['connect with a body'] = raw('CONNECT plain.test:80 HTTP/1.1\r\nHost: plain.test:80\r\nContent-Length: 3\r\n\r\n', '127.0.0.1', 3128)
def tunnel(target, then, tls=False, sni=None):
    s = connect('127.0.0.1', 3128)
    s.sendall(('CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n' % (target, target)).encode())
    a = Reader(s).until(b'\r\n\r\n').decode()
    if ' 200 ' not in a:
        return a
    if tls:
        try:
            s = ssl.create_default_context().wrap_socket(s, server_hostname=sni)
        except OSError as e:
            return 'tls: %s' % e
    s.sendall(then.encode())
    return read_all(s).decode('latin-1')
r['tunnel, other host'] = tunnel('plain.test:80', G % ('n', 'second.test'))
r['tunnel, other absolute'] = tunnel('plain.test:80', 'GET http://second.test/o HTTP/1.1\r\nHost: second.test\r\nConnection: close\r\n\r\n')
r['tunnel in a tunnel'] = tunnel('plain.test:80', 'CONNECT second.test:80 HTTP/1.1\r\nHost: second.test:80\r\n\r\n')
r['tunnel, other sni'] = tunnel('api.test:443', G % ('p', 'api.test'), True, 'tls2.test')
r['tunnel, other host in tls'] = tunnel('api.test:443', G % ('q', 'tls2.test'), True, 'api.test')
r['tunnel, clear text to a tls port'] = tunnel('api.test:443', G % ('r', 'api.test'))
r['connect in tls'] = raw('CONNECT plain.test:80 HTTP/1.1\r\nHost: plain.test:80\r\n\r\n', 'api.test', 443, True)
for host in ('127.0.0.1', '::1', 'localhost'):
    try:
        r['self ' + host] = raw(G % ('s', 'localhost'), host)
    except OSError as e:
        r['self ' + host] = 'connect: ' + str(e)
r['good'] = raw(G % ('good', 'plain.test'), 'plain.test')
r['good tunnel'] = tunnel('plain.test:80', G % ('good', 'plain.test'))
r['good tls tunnel'] = tunnel('api.test:443', G % ('good', 'api.test'), True, 'api.test')
r['good port'] = raw(G % ('good', 'plain.test:80'), 'plain.test')
r['good upgrade'] = raw('GET /good HTTP/1.1\r\nHost: plain.test\r\nConnection: close, Upgrade, HTTP2-Settings, X-Hop\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\r\n', 'plain.test')
r['good case'] = raw(G % ('good', 'PLAIN.test'), 'plain.test')
out(r)
'''


def where(t):
    plain, tls, tls2 = Origin(), Origin(CERT), Origin(CA.issue('tls2.test'))
    s = {'plain': plain_service(plain), 'second': service(plain, 'second.test', 'http'),
         'api': service(tls, 'api.test', ca=CA, credential='api', inject='bearer'),
         'tls2': service(tls2, 'tls2.test', ca=CA)}
    r = HOME.script(WHERE, s)
    got = r.json()
    for name, text in got.items():
        status, body, _ = refusal(text)
        if name.startswith('good'):
            t.equal(name, status, 200)
        elif name.startswith('sni of no') or name == 'tunnel, other sni':
            t.check(name, status is None and ('connect:' in text or 'tls:' in text), text)
        elif name == 'sni of another service':
            t.equal(name, status, 421)
        else:
            t.check(name, status in (400, 403, 421) and body is not None, text[-300:])
    t.equal('only the good ones arrived', [(q.path) for o in (plain, tls, tls2) for q in o.seen()], ['/good'] * 7)
    t.check('hop-by-hop headers end at the gateway', all({n.lower() for n, _ in q.headers} <=
            {'host', 'authorization'} for q in plain.seen()), [q.headers for q in plain.seen()])
    records = HOME.records(r.task)
    t.check('a refusal has the host that was asked for', any(q['kind'] == 'request.refused' and
            q.get('host') == 'evil.test' for q in records))
    t.check('metadata through the proxy is an event',
            any('169.254.169.254' in json.dumps(q) for q in records))


# ---- paths -------------------------------------------------------------------------------------

PATHS = r'''
from inside import *
r = {}
for p in json.load(open('paths.json')):
    r[p] = raw('GET %s HTTP/1.1\r\nHost: plain.test\r\nConnection: close\r\n\r\n' % p, 'plain.test')[:9 + 3]
out(r)
'''

FORBIDDEN = [
    '/v2/public/../secret', '/v2/public/./../secret', '/v2/public/%2e%2e/secret', '/v2/public/%2E%2E/secret',
    '/v2/public/.%2e/secret', '/v2/public/%2e./secret', '/v2/public/..%2fsecret', '/v2/public/..%2Fsecret',
    '/v2/public/%2e%2e%2fsecret', '/v2/public/%252e%252e/secret', '/v2/public/%252e%252e%252fsecret',
    '/v2/public/..;/secret', '/v2/public/..;a=b/secret', '/v2/public/;/../secret', '/v2/public//../secret',
    '/v2/public/..%5csecret', '/v2/public/..\\secret', '/v2/public/%5c..%5csecret', '/v2/public/..%00/secret',
    '/v2/public/..%c0%afsecret', '/v2/public/%c0%ae%c0%ae/secret', '/v2/public/%u002e%u002e/secret',
    '/v2//public/x', '//v2/public/x', '/v2/./public/x', '/./v2/public/x', '/v2/public/..', '/v2/public/.',
    '/v2/public/%2e', '/v2/public/a;b', '/v2/public%2fx', '/v2%2fpublic/x', '/v2/public/a%2fb', '/v2/public/a//b',
    '/v2/secret', '/v2/publi', '/v2/public', '/V2/PUBLIC/x', '/v2/public/../../v2/secret', '/v2/secret?/v2/public/',
    '/v2/secret%3f/v2/public/x', '/v2/secret%23/v2/public/x', '/', '/v2/secret/../public/x',
]
ALLOWED = {'/v2/public/x': '/v2/public/x', '/v2/%70ublic/x': '/v2/public/x', '/v2/public/%61': '/v2/public/a',
           '/v2/public/%7e': '/v2/public/~', '/v2/public/a%20b': '/v2/public/a%20b', '/v2/public/': '/v2/public/',
           '/v2/public/...': '/v2/public/...', '/v2/public/..a': '/v2/public/..a', '/v2/public/%c3%a9': '/v2/public/%C3%A9',
           '/v2/public/x?a=../../secret': '/v2/public/x?a=../../secret'}


def paths(t):
    plain = Origin()
    policy = 'permit (principal, action in Writ::Action::"http:read", resource) when ' \
             '{ context.input.path like "/v2/public/*" };\n'
    r = HOME.script(PATHS, {'plain': plain_service(plain)}, policy=policy,
                    files={'paths.json': json.dumps(FORBIDDEN + list(ALLOWED))})
    got = r.json()
    for p in FORBIDDEN:
        t.check('path refused: ' + p, got[p][9:] in ('400', '403'), got[p])
    for p in ALLOWED:
        t.equal('path allowed: ' + p, got[p][9:], '200')
    t.equal('the origin got canonical paths only', [q.target for q in plain.seen()], list(ALLOWED.values()))


if __name__ == '__main__':
    Suite().run([ambiguous, where, paths])
