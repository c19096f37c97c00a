"""What is refused, how the task is told, and what the ledger says about it."""
import json
import os
import struct

from harness import *

CA = Authority()
OTHER = Authority('another CA')
CERT = CA.issue('api.test')
TOKEN = 'tok_' + os.urandom(12).hex()
HOME = Home()
HOME.credential('api', TOKEN)
HOME.credential('prod', TOKEN, 'production')

NOTHING = r'''
from inside import *
r = {}
def tcp(host, port, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(3)
    try:
        s.connect((host, port))
        return 'connected'
    except OSError as e:
        return os.strerror(e.errno) if e.errno else str(e)
r['names'] = [sh('getent hosts %s' % n)[0] for n in ('api.test', 'example.com', 'localhost.evil.test')]
r['http'] = raw('GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n', '93.184.216.34')
r['tls'] = raw('', '93.184.216.34', 443, True, sni='example.com')
r['ssh'] = tcp('198.51.100.7', 22)
r['ssh6'] = tcp('2001:db8::7', 22, socket.AF_INET6)
def udp(host, port, data=b'x' * 1200, family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.settimeout(0.5)
    try:
        s.sendto(data, (host, port))
        return repr(s.recv(4096))
    except OSError as e:
        return 'nothing'
r['quic'] = udp('93.184.216.34', 443)
r['udp'] = udp('198.51.100.9', 9999)
r['udp6'] = udp('2001:db8::9', 9999, family=socket.AF_INET6)
r['ping'] = sh('ping -c 1 -W 1 198.51.100.11')[0] if os.path.exists('/bin/ping') else None
try:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); r['raw'] = 'made'
except OSError as e:
    r['raw'] = 'refused'
try:
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3); r['packet'] = 'made'
except OSError as e:
    r['packet'] = 'refused'
for name, host in (('aws', '169.254.169.254'), ('ecs', '169.254.170.2'), ('aws6', 'fd00:ec2::254'),
                   ('alibaba', '100.100.100.200'), ('decimal', '2852039166'), ('hex', '0xa9fea9fe'), ('mapped', '::ffff:169.254.169.254')):
    r['metadata ' + name] = sh("curl -g -sS -m 5 -o - -w '%%{http_code}' 'http://%s/latest/meta-data/'" % ('[%s]' % host if ':' in host else host))
r['metadata name'] = sh("curl -sS -m 5 http://metadata.google.internal/")[0]
r['dns'] = {}
def question(name, type_, flags=0x0100, extra=b'', count=1):
    q = b''.join(bytes([len(l)]) + l.encode() for l in name.split('.') if l) + b'\0'
    return b'\x12\x34' + flags.to_bytes(2, 'big') + count.to_bytes(2, 'big') + b'\0\0\0\0\0\0' + (q + type_.to_bytes(2, 'big') + b'\0\1') * count + extra
def ask(data, tcp_=False, host='8.8.8.8'):
    if tcp_:
        s = socket.create_connection((host, 53), timeout=3)
        s.sendall(len(data).to_bytes(2, 'big') + data)
        try:
            n = int.from_bytes(s.recv(2), 'big')
            got = b''
            while len(got) < n:
                got += s.recv(n - len(got))
            return got.hex()
        except OSError:
            return None
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(0.4)
    s.connect((host, 53))
    s.send(data)
    try:
        return s.recv(4096).hex()
    except OSError:
        return None
for type_ in (1, 28, 16, 65, 255, 15, 252):
    for over_tcp in (False, True):
        r['dns']['%d %s' % (type_, over_tcp)] = ask(question('secret.evil.test', type_), over_tcp)
r['dns']['service A'] = ask(question('api.test', 1))
r['odd dns'] = {k: ask(v) for k, v in {
    'empty': b'', 'short': b'\x12', 'response': question('a.test', 1, 0x8180), 'two questions': question('a.test', 1, count=2),
    'loop': b'\x12\x34\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1', 'long label': b'\x12\x34\1\0\0\1\0\0\0\0\0\0\xff' + b'a' * 300,
    'update': question('a.test', 1, 0x2800), 'no name': b'\x12\x34\1\0\0\1\0\0\0\0\0\0', 'junk': bytes(range(256)),
    'behind': question('a.test', 1, extra=b'more'), 'large': question('a.test', 1) + b'\0' * 3000}.items()}
r['after odd'] = ask(question('still.test', 1))
out(r)
'''


def nothing(t):
    r = HOME.script(NOTHING)
    got = r.json()
    records = HOME.records(r.task)
    t.equal('no name is known', got['names'], [2, 2, 2])
    t.check('http to anywhere: 403', got['http'].startswith('HTTP/1.1 403 ') and '"error":"denied"' in got['http'], got['http'])
    t.check('TLS to anywhere: alert', 'connect:' in got['tls'] and 'unrecognized name' in got['tls'].lower().replace('_', ' '), got['tls'])
    for name in ('ssh', 'ssh6'):
        t.equal('a port that nobody serves: ' + name, got[name], 'Connection refused')
    for name in ('quic', 'udp', 'udp6'):
        t.equal('no answer: ' + name, got[name], 'nothing')
    for name in ('raw', 'packet'):
        t.equal('no such socket: ' + name, got[name], 'refused')
    if got['ping'] is None:
        t.skip('ping', 'not installed')
    else:
        t.check('nothing answers a ping', got['ping'] != 0, got['ping'])
    attempts = [(q.get('address'), q.get('port'), q.get('protocol')) for q in records if q['kind'] == 'connection.attempt']
    for want in (('198.51.100.7', 22, 'tcp'), ('2001:db8::7', 22, 'tcp'), ('93.184.216.34', 443, 'udp'),
                 ('198.51.100.9', 9999, 'udp'), ('2001:db8::9', 9999, 'udp')):
        t.check('recorded: %s port %d over %s' % want, want in attempts, attempts)
    for name in ('aws', 'ecs', 'aws6', 'alibaba', 'decimal', 'hex', 'mapped'):
        code = got['metadata ' + name]
        t.check('metadata, %s: refused' % name, code[1].endswith('403') and 'metadata' in code[1], code)
    t.check('metadata, by name', got['metadata name'] != 0)
    decoys = [q.get('address') for q in records if q['kind'] == 'decoy.touched']
    t.check('decoys are recorded', {'169.254.169.254', '169.254.170.2', 'fd00:ec2::254', '100.100.100.200'} <= set(decoys)
            and decoys.count('169.254.169.254') >= 4, decoys)
    for k, answer in got['dns'].items():
        t.check('DNS %s: no such name' % k, answer is not None and int(answer[4:8], 16) & 0x800f == 0x8003 and
                answer[12:16] == '0000', answer)
    names = [(q.get('name'), q.get('decision')) for q in records if q['kind'] == 'name.query']
    t.check('names are recorded', names.count(('secret.evil.test', 'deny')) == 14, names)
    for k, answer in got['odd dns'].items():
        t.check('odd DNS packet, no address in the answer: ' + k, answer is None or answer[12:16] == '0000', answer)
    t.check('DNS lives on', got['after odd'] is not None)


SERVICE = r'''
from inside import *
r = {}
for name, cmd in json.load(open('commands.json')).items():
    r[name] = sh("curl -g -sS -m 20 -w '\n%{http_code}' " + cmd)
out(r)
'''


def curl(services, commands, policy=PERMIT_ALL, flags=(), **keys):
    r = HOME.script(SERVICE, services, policy, files={'commands.json': json.dumps(commands)}, flags=flags, **keys)
    return r, r.json()


def reply(text):
    body, _, status = text.rpartition('\n')
    try:
        return int(status), json.loads(body)
    except ValueError:
        return int(status or 0), {}


def policy_and_place(t):
    origin = Origin(CERT)
    s = {'api': service(origin, 'api.test', ca=CA, prefix='/v2', credential='api', inject='bearer')}
    policy = '@id("read") permit (principal, action in Writ::Action::"http:read", resource);\n' \
             '@id("no-admin") forbid (principal, action, resource) when { context.input.path like "/v2/admin*" };\n'
    r, got = curl(s, {
        'ok': 'https://api.test/v2/x', 'post': '-d a=b https://api.test/v2/x', 'delete': '-X DELETE https://api.test/v2/x',
        'forbidden': 'https://api.test/v2/admin/x', 'prefix': 'https://api.test/v3/x', 'prefix alike': 'https://api.test/v22',
        'scheme': 'http://api.test/v2/x', 'unknown host': '--resolve other.test:80:198.18.0.1 http://other.test/v2/x',
        'unknown method': '-X BREW https://api.test/v2/x'}, policy)
    t.equal('the allowed one', reply(got['ok'][1])[0], 200)
    for name in ('post', 'delete', 'forbidden', 'prefix', 'prefix alike', 'scheme', 'unknown host', 'unknown method'):
        status, body = reply(got[name][1])
        t.check('403 with a reason: ' + name, status == 403 and body.get('error') == 'denied' and body.get('reason') and
                body.get('request_id', '').startswith('r'), got[name])
    t.equal('the policy that forbids is named', reply(got['forbidden'][1])[1].get('policy'), ['no-admin'])
    t.equal('only that one arrived', [q.target for q in origin.seen()], ['/v2/x'])
    decisions = [(q['method'], q['decision']) for q in HOME.kinds(r.task, 'request.decision')]
    t.equal('decisions', sorted(decisions), sorted([('GET', 'allow'), ('POST', 'deny'), ('DELETE', 'deny'), ('GET', 'deny'), ('BREW', 'deny')]))
    port = Origin()
    r, got = curl({'p': service(port, 'plain.test', 'http', port=8080)}, {
        'ok': 'http://plain.test:8080/', 'port 80': 'http://plain.test/', 'tls': 'https://plain.test:8080/'})
    t.equal('a port of its own', reply(got['ok'][1])[0], 200)
    t.equal('another port', reply(got['port 80'][1])[0], 403)
    t.check('TLS to a plain port', got['tls'][0] != 0)


def upstream(t):
    import socket as so
    expired = folder('expired')
    stem = os.path.join(expired, 'x')
    subprocess.run('openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout %s.key -out %s.csr && '
                   'printf "subjectAltName=DNS:api.test\n" > %s.ext && '
                   'openssl x509 -req -in %s.csr -CA %s -CAkey %s -CAcreateserial -days -1 -extfile %s.ext -out %s.pem'
                   % (stem, stem, stem, stem, CA.cert, CA.key, stem, stem), shell=True, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    own = Authority('api.test')  # signed by itself
    origins = {'wrong-name': Origin(CA.issue('other.test')), 'expired': Origin((stem + '.pem', stem + '.key')),
               'self-signed': Origin((own.cert, own.key)), 'wrong-ca': Origin(OTHER.issue('api.test')),
               'plain-text': Origin(greeting=b'HTTP/1.1 200 OK\r\n\r\n'), 'by-address': Origin(CA.issue('127.0.0.1', ip=True)), 'good': Origin(CERT)}
    closed = so.socket()
    closed.bind(('127.0.0.1', 0))   # bound, not listening: refused
    reasons = {'wrong-name': 'another name', 'expired': 'expired', 'self-signed': 'not signed', 'wrong-ca': 'not signed',
               'plain-text': 'handshake', 'by-address': 'another name', 'down': 'refused'}
    services, commands = {}, {}
    for name, o in origins.items():
        host = 'api.test'
        services[name] = service(o, host, ca=CA, port=1000 + len(services), credential='api', inject='bearer')
    services['down'] = dict(services['good'], url='https://api.test:1100', connect='127.0.0.1:%d' % closed.getsockname()[1])
    for name in services:
        commands[name] = services[name]['url'] + '/'
        commands[name + ' again'] = commands[name]
    r, got = curl(services, commands)
    t.equal('the good one', reply(got['good'][1])[0], 200)
    for name, reason in reasons.items():
        for again in ('', ' again'):
            status, body = reply(got[name + again][1])
            t.check('502: ' + name + again, status == 502 and body.get('error') == 'upstream' and
                    reason in body.get('reason', ''), got[name])
    for name, o in origins.items():
        if name != 'good':
            t.equal('no request was sent: ' + name, len(o.seen()), 0)
    ends = HOME.kinds(r.task, 'request.end')
    t.check('no credential in those records', all('credential' not in q for q in ends if q.get('status') == 502), ends)


def addresses(t):
    origin = Origin()
    base = service(origin, 'plain.test', 'http')
    unnamed = {k: v for k, v in base.items() if k != 'addresses'}
    for name, s in {'unnamed': unnamed, 'other': dict(base, addresses=['10.0.0.0/8']),
                    'literal': {'url': 'http://127.0.0.1:%d' % origin.port}, 'private': {'url': 'http://10.1.2.3'},
                    'shared': {'url': 'http://100.64.1.1'}, 'unique local': {'url': 'http://[fd00::1]'},
                    'mapped': {'url': 'http://a.test', 'connect': '[::ffff:127.0.0.1]:80'}}.items():
        r = HOME.run(['true'], profile=HOME.profile({'s': s}))
        t.check('an address that was not named: ' + name, r.code == 125 and 'addresses' in r.err, (r.code, r.err))
    r, got = curl({'name': {'url': 'http://a.test', 'connect': 'localhost:%d' % origin.port},
                   'good': dict(base, url='http://c.test')}, {'name': 'http://a.test/', 'good': 'http://c.test/'})
    status, body = reply(got['name'][1])
    t.check('a name that leads to an address that was not named', status == 502 and 'range' in body.get('reason', ''), got['name'])
    t.equal('a named one is', reply(got['good'][1])[0], 200)
    t.equal('only that arrived', len(origin.seen()), 1)
    for address in ('169.254.169.254:80', '169.254.1.1:80', '[fd00:ec2::254]:80', '[fe80::1]:80', '100.100.100.200:80'):
        p = HOME.profile({'m': {'url': 'http://meta.test', 'connect': address,
                                'addresses': ['100.64.0.0/10', '10.0.0.0/8']}}, command=['curl', '-s', '-m', '5', '-o', '/dev/null',
                                                                              '-w', '%{http_code}', 'http://meta.test/'])
        r = HOME.run([], profile=p)
        t.check('never dialled: ' + address, r.code == 125 or r.out in (b'502', b'403'), (r.code, r.out, r.err))
    for wide in ('169.254.0.0/16', '169.254.169.254/32', '0.0.0.0/0', 'fe80::/10', '::/0'):
        p = HOME.profile({'m': {'url': 'http://meta.test', 'connect': '169.254.169.254:80', 'addresses': [wide]}})
        r = HOME.run(['curl', '-s', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', 'http://meta.test/'], profile=p)
        t.check('a range with metadata in it cannot be named: ' + wide, r.code == 125 or r.out in (b'502', b'403'),
                (r.code, r.out, r.err))


def before_start(t):
    origin = Origin(CERT)

    def refused(name, part, services, flags=(), **keys):
        before = HOME.tasks()
        r = HOME.run(['sh', '-c', 'echo started'], *flags, profile=HOME.profile(services, **keys))
        t.check(name, r.code == 125 and r.out == b'' and part in r.err and r.err.count('\n') == 1, (r.code, r.out, r.err))
        return HOME.tasks() - before

    refused('a credential that is not there', 'no credential named ghost',
            {'api': service(origin, 'api.test', ca=CA, credential='ghost', inject='bearer')})
    refused('a credential of another environment', 'production',
            {'api': service(origin, 'api.test', ca=CA, credential='prod', inject='bearer', env='staging')}, env='staging')
    refused('a service of another environment', 'profile.yaml:1:',
            {'api': service(origin, 'api.test', ca=CA, credential='prod', inject='bearer', env='production')}, env='staging')
    refused('--env of another environment', 'staging',
            {'api': service(origin, 'api.test', ca=CA)}, flags=('--env', 'production'), env='staging')
    r = HOME.run(['true'], profile=HOME.profile({'api': service(origin, 'api.test', ca=CA, credential='prod', inject='bearer',
                                                               env='production')}, env='production'))
    t.equal('and of the right one', (r.code, r.err), (0, ''))
    t.equal('nothing reached the origin', len(origin.seen()), 0)


CROWD = r'''
from inside import *
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
held, refused, other = [], 0, []
limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
try:
    for i in range(1030):
        held.append(connect('plain.test', 80, timeout=30))
except OSError as e:
    other.append(str(e))
import select
poll = select.poll()
for s in held[1000:]:
    poll.register(s, select.POLLIN)
for fd, _ in poll.poll(10000):
    if b' 429 ' in os.read(fd, 4096):
        refused += 1
for s in held:
    s.close()
time.sleep(0.2)
after = raw('GET / HTTP/1.1\r\nHost: plain.test\r\nConnection: close\r\n\r\n', 'plain.test')[:12]
out([limit, len(held), refused, other, after])
'''


def crowd(t):
    origin = Origin()
    r = HOME.script(CROWD, {'plain': service(origin, 'plain.test', 'http')}, timeout=60)
    limit, held, refused, other, after = r.json()
    if limit < 1100:
        t.skip('1024 connections', 'the limit of open files is %d' % limit)
        return
    t.check('over 1024 connections: 429', refused >= 1, (held, refused, other))
    t.equal('then it goes on', after, 'HTTP/1.1 200')
    t.check('recorded', any('too many' in q.get('reason', '') for q in HOME.kinds(r.task, 'connection.refused')))


if __name__ == '__main__':
    Suite().run([nothing, policy_and_place, upstream, addresses, before_start, crowd])
