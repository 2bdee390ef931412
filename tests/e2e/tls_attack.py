#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tls_attack.py WHAT CA PORT...: clients that do not keep to TLS.

cut PORT START	a ClientHello that ends after each count of octets, by the end
		of the connection; START is "", STARTTLS or STLS
data PORT	the end of the connection within DATA, with and without
		close_notify; prints what was said
hold PORT N	N sessions that wait for a line on standard input, then all
		say NOOP
half PORT N	N connections to a TLS port that send half a ClientHello, and
		good clients that come meanwhile: seconds until each is served
"""
import random
import socket
import ssl
import sys
import time

what, ca, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
more = sys.argv[4] if len(sys.argv) > 4 else ""
context = ssl.create_default_context(cafile=ca)


def connect(start="", address="127.0.0.1"):
    s = socket.create_connection(("127.0.0.1", port), 60, (address, 0))
    if start:
        s.recv(4096)
        s.sendall(start.encode() + b"\r\n")
        s.recv(4096)
    return s


def secure(s):
    return context.wrap_socket(s, server_hostname="localhost")


def client_hello():
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out,
                         server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        return out.read()


def ends(s):
    """Does the server end it, whatever it says before?"""
    try:
        while s.recv(4096):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


def cut():
    hello = client_hello()
    points = [*range(0, 60), *range(60, len(hello), 37), len(hello)]
    wrong = []
    for n in points:
        s = connect(more)
        s.sendall(hello[:n])
        s.shutdown(socket.SHUT_WR)
        if not ends(s):
            wrong.append(n)
        s.close()
    for spoil in range(200):    # and one octet that is another
        octets = bytearray(hello)
        octets[random.Random(spoil).randrange(len(octets))] ^= 1 << spoil % 8
        s = connect(more)
        s.sendall(octets)
        s.shutdown(socket.SHUT_WR)
        if not ends(s):
            wrong.append(("spoilt", spoil))
        s.close()
    print(len(points) + 200, wrong)


def data():
    for polite in True, False:
        s = secure(connect("STARTTLS"))
        for line in (b"EHLO me", b"MAIL FROM:<a@b.test>",
                     b"RCPT TO:<bob@example.org>", b"DATA"):
            s.sendall(line + b"\r\n")
            got = s.recv(4096)
        s.sendall(b"Subject: cut\r\n\r\nhalf of it\r\n.\r" if polite
                  else b"Subject: cut\r\n\r\nhalf of it\r\n.")
        if polite:
            try:
                s = s.unwrap()
            except (OSError, ssl.SSLError):
                pass
        s.close()
        print(got[:3].decode())


def hold():
    held = []
    for _ in range(int(more)):
        s = secure(connect("STARTTLS"))
        s.sendall(b"EHLO me\r\n")
        s.recv(4096)
        held.append(s)
    print("held", flush=True)
    sys.stdin.readline()
    alive = 0
    for s in held:
        s.sendall(b"NOOP\r\n")
        alive += s.recv(4096).startswith(b"250 ")
    print("alive", alive)


def half():
    hello = client_hello()
    held = []
    for i in range(int(more)):
        s = socket.socket()
        s.setblocking(False)
        s.bind((f"127.2.{i % 200}.1", 0))
        try:
            s.connect(("127.0.0.1", port))
        except BlockingIOError:
            pass
        held.append(s)
    for s in held:
        try:
            s.send(hello[:len(hello) // 2])
        except OSError:
            pass
    for _ in range(5):
        begin = time.monotonic()
        while time.monotonic() < begin + 60:
            try:
                with secure(connect()) as s:
                    if s.recv(4096).startswith(b"220"):
                        break
            except (OSError, ssl.SSLError):
                time.sleep(0.05)
        print(f"{time.monotonic() - begin:.1f}")


{"cut": cut, "data": data, "hold": hold, "half": half}[what]()
