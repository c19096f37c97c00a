"""Used by the scripts that run inside the task: raw connections, TLS, commands."""
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time


def out(value):
    json.dump(value, sys.stdout)


def sh(command, timeout=60):
    try:
        r = subprocess.run(command, shell=isinstance(command, str), stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=timeout)
    except subprocess.TimeoutExpired:
        return [-1, '', 'hangs']
    return [r.returncode, r.stdout.decode('latin-1'), r.stderr.decode('latin-1')[-500:]]


def connect(host, port=80, tls=False, sni=None, timeout=20):
    s = socket.create_connection((host, port), timeout=timeout)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls:
        s = ssl.create_default_context().wrap_socket(s, server_hostname=sni or host)
    return s


def read_all(s, timeout=20):
    """Everything until the other side closes; a reset ends with b'!RESET', silence with b'!OPEN'."""
    s.settimeout(timeout)
    data = b''
    while True:
        try:
            part = s.recv(65536)
        except socket.timeout:
            return data + b'!OPEN'
        except OSError as e:
            return data + b'!RESET'
        if not part:
            return data
        data += part


def raw(data, host, port=80, tls=False, timeout=5, sni=None):
    """Sends bytes, returns every byte that comes back until the connection is closed."""
    if isinstance(data, str):
        data = data.encode('latin-1')
    try:
        s = connect(host, port, tls, sni)
    except OSError as e:
        return 'connect: %s' % e
    try:
        s.sendall(data)
    except OSError:
        pass
    got = read_all(s, timeout)
    s.close()
    return got.decode('latin-1')


class Reader:
    """Reads answers from one connection one after the other."""

    def __init__(self, sock):
        self.s = sock
        self.buf = b''

    def until(self, mark):
        while mark not in self.buf:
            part = self.s.recv(65536)
            if not part:
                raise EOFError(self.buf)
            self.buf += part
        head, self.buf = self.buf.split(mark, 1)
        return head

    def exactly(self, n):
        while len(self.buf) < n:
            part = self.s.recv(65536)
            if not part:
                raise EOFError(self.buf)
            self.buf += part
        data, self.buf = self.buf[:n], self.buf[n:]
        return data

    def answer(self, head_only=False):
        """status, headers (lower case), body, trailers"""
        lines = self.until(b'\r\n\r\n').decode('latin-1').split('\r\n')
        status = int(lines[0].split(' ')[1])
        headers = {}
        for l in lines[1:]:
            n, v = l.split(':', 1)
            headers[n.lower()] = v.strip()
        if head_only or status in (204, 304) or status < 200:
            return status, headers, b'', []
        if headers.get('transfer-encoding') == 'chunked':
            body, trailers = b'', []
            while True:
                size = int(self.until(b'\r\n').split(b';')[0], 16)
                if size == 0:
                    break
                body += self.exactly(size)
                self.exactly(2)
            while True:
                line = self.until(b'\r\n')
                if not line:
                    return status, headers, body, trailers
                trailers.append(line.decode())
        return status, headers, self.exactly(int(headers.get('content-length', 0))), []
