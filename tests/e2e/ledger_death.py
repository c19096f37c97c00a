"""Kill -9 of writ's own processes under load: no request without a record, and every log ends
sealed and intact. The origin counts; the ledger must know each request that it saw."""
import os
import random
import subprocess
import sys
import threading
import time

from harness import *

HOME = Home()
TOKEN = 'tok_' + os.urandom(12).hex()
HOME.credential('api', TOKEN)
VERIFIER = os.path.join(HERE, '..', '..', 'contrib', 'verify_ledger.py')

# Four connections at once, each request with a path of its own, until somebody ends the task.
JOB = r'''
import http.client, os, sys, threading
def ask(k):
    n = done = 0
    while True:
        try:
            c = http.client.HTTPConnection('api.test', 80, timeout=20)
            for _ in range(50):
                n += 1
                c.request('GET', '/r/%d/%d' % (k, n))
                r = c.getresponse()
                r.read()
                done += 1
                if done == 5:
                    print('going', flush=True)
        except (OSError, http.client.HTTPException):
            pass
for k in range(4):
    threading.Thread(target=ask, args=(k,)).start()
'''


class Load:
    """A running task that makes requests as fast as it can, and its origin."""

    def __init__(self, home=HOME):
        self.home = home
        self.origin = Origin()
        self.before = home.tasks()
        profile = home.profile({'api': dict(service(self.origin, 'api.test', 'http'), credential='api', plaintext='true', inject='bearer')},
                               files={'job.py': JOB}, command=[PYTHON, '-B', 'job.py'])
        self.p = home.start([], profile=profile)
        for _ in range(4):
            if not self.p.stdout.readline():
                raise AssertionError('the task did not start: %r' % self.p.stderr.read())
        self.task = (home.tasks() - self.before).pop()
        self.ours = {n: child_named(self.p.pid, n) for n in ('writ-ledger', 'writ-gateway', 'writ-keeper', 'writ-init')}
        self.all = descendants(self.p.pid) | {self.p.pid}

    def end(self):
        try:
            self.out, self.err = self.p.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            for pid in self.all:
                kill(pid)
            raise AssertionError('the task does not end: %r' % self.p.stderr.read())
        self.err = self.err.decode('utf-8', 'replace')
        return self.p.returncode


def check_record(t, what, load, died):
    """Nothing is left, the log is whole, and every request that the origin saw was recorded."""
    t.check('%s: nothing is left' % what, wait_for(lambda: not any(alive(p) for p in load.all)),
            [(p, comm(p)) for p in load.all if alive(p)])
    code, text = load.home.verify()
    t.check('%s: audit verify' % what, code == 0, text[-500:])
    r = subprocess.run([PYTHON, '-B', VERIFIER, load.home.dir], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    t.check('%s: the other verifier' % what, r.returncode == 0, r.stdout[-500:])
    records = load.home.records(load.task)
    decided = {}
    for x in records:
        if x['kind'] == 'request.decision' and x['decision'] == 'allow':
            decided[x['path']] = decided.get(x['path'], 0) + 1
    load.origin.close()
    seen = {}
    for x in load.origin.seen():
        seen[x.path] = seen.get(x.path, 0) + 1
    missing = [p for p, n in seen.items() if decided.get(p, 0) < n]
    t.check('%s: every request is recorded' % what, len(seen) > 20 and not missing,
            '%d of %d are missing: %s' % (len(missing), len(seen), missing[:5]))
    kinds = [x['kind'] for x in records]
    t.check('%s: sealed, once, at the end' % what, kinds.count('task.sealed') == 1 and kinds[-1] == 'task.sealed', kinds[-3:])
    deaths = [x.get('process') for x in records if x['kind'] == 'process.died']
    t.equal('%s: who died' % what, deaths, died)
    twice = len([x for x in records if x['kind'] == 'request.decision']) - len(
        {x['request_id'] for x in records if x['kind'] == 'request.decision'})
    return len(seen), twice, records


def rounds(n):
    return max(1, int(os.environ.get('WRIT_E2E_KILLS', n)))


def ledger(t):
    total = again = 0
    for i in range(rounds(4)):
        load = Load()
        time.sleep(random.random() * 0.3)
        kill(load.ours['writ-ledger'])
        code = load.end()
        t.equal('ledger: exit code', code, 125)
        t.contains('ledger: the message', load.err, 'writ: writ-ledger ended unexpectedly\n')
        n, twice, records = check_record(t, 'ledger', load, ['ledger'])
        total, again = total + n, again + twice
        ends = [x for x in records if x['kind'] == 'task.end']
        t.check('ledger: the end says why', len(ends) == 1 and 'writ-ledger' in ends[0].get('reason', ''), ends)
    print('ledger killed: %d requests at the origin, all recorded, %d records twice' % (total, again))


def launcher(t):
    total = 0
    for i in range(rounds(4)):
        load = Load()
        time.sleep(random.random() * 0.3)
        kill(load.p.pid)
        t.equal('launcher: exit code', load.end(), -9)
        total += check_record(t, 'launcher', load, ['launcher'])[0]
    print('launcher killed: %d requests at the origin, all recorded' % total)


def gateway_and_keeper(t):
    for name in ('gateway', 'keeper'):
        for i in range(rounds(2)):
            load = Load()
            time.sleep(random.random() * 0.2)
            kill(load.ours['writ-' + name])
            t.equal('%s: exit code' % name, load.end(), 125)
            t.contains('%s: the message' % name, load.err, 'writ: writ-%s ended unexpectedly\n' % name)
            check_record(t, name, load, [name])


def one_after_the_other(t):
    """The ledger while the task is ended already: by a signal, by another death."""
    for i in range(rounds(3)):
        load = Load()
        kill(load.ours['writ-gateway'] if i % 2 else load.ours['writ-keeper'])
        time.sleep(random.random() * 0.02)
        kill(load.ours['writ-ledger'])
        t.equal('two: exit code', load.end(), 125)
        records = load.home.records(load.task)
        deaths = {x.get('process') for x in records if x['kind'] == 'process.died'}
        t.check('two: nothing is left', wait_for(lambda: not any(alive(p) for p in load.all)))
        t.equal('two: sealed', records[-1]['kind'], 'task.sealed')
        t.check('two: at least one death is told', deaths and deaths <= {'gateway', 'keeper', 'ledger'}, deaths)
        t.equal('two: audit verify', load.home.verify()[0], 0)


def another_task(t):
    """Another task's ledger starts all the time: it seals what is dead, but never what is ours."""
    stop = threading.Event()

    def starts():
        while not stop.is_set():
            HOME.run(['true'])
    thread = threading.Thread(target=starts)
    load = Load()
    thread.start()
    time.sleep(0.2)
    kill(load.ours['writ-ledger'])
    code = load.end()
    stop.set()
    thread.join()
    t.equal('beside others: exit code', code, 125)
    check_record(t, 'beside others', load, ['ledger'])


def no_second_ledger(t):
    """The disk is full when another ledger would be needed: said plainly, nothing is left running."""
    if not ROOT:
        t.skip('full disk', 'needs root to mount a small file system')
        return
    home = Home()
    os.mkdir(home.dir, 0o700)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=12m,mode=0700', 'tmpfs', home.dir]).returncode != 0:
        t.skip('full disk', 'tmpfs cannot be mounted here')
        return
    try:
        home.credential('api', TOKEN)
        load = Load(home)
        kill(load.ours['writ-ledger'], signal.SIGSTOP)  # full at once, not by its own records
        try:
            with open(os.path.join(home.dir, 'fill'), 'wb', buffering=0) as f:
                while f.write(b'\0' * 4096):
                    pass
        except OSError:
            pass
        log = os.path.join(home.dir, 'ledger', 'tasks', load.task + '.jsonl')
        os.truncate(log, os.path.getsize(log))  # the room that was reserved behind its end goes
        try:
            with open(os.path.join(home.dir, 'fill'), 'ab', buffering=0) as f:
                while f.write(b'\0' * 4096):
                    pass
        except OSError:
            pass
        kill(load.ours['writ-ledger'])
        t.equal('full: exit code', load.end(), 125)
        t.contains('full: who died', load.err, 'writ-ledger ended unexpectedly')
        t.contains('full: what it means', load.err, 'the log of task %s is not sealed' % load.task)
        t.contains('full: why', load.err, 'No space left')
        t.check('full: nothing is left', wait_for(lambda: not any(alive(p) for p in load.all)))
        os.unlink(os.path.join(home.dir, 'fill'))
        home.run(['true'])  # its ledger seals what is there
        t.equal('full: intact later', home.verify()[0], 0)
    finally:
        subprocess.run(['umount', '-l', home.dir])


Suite().run([ledger, launcher, gateway_and_keeper, one_after_the_other, another_task, no_second_ledger])
