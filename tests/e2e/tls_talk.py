#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""tls_talk.py PORT CA NAME [WORD...]: an SMTP or POP3 session under TLS.

What stands on standard input is sent, once under TLS, and all answers are
printed. Words: smtp, pop3 (STARTTLS, STLS first), 1.2, 1.3 (that version alone),
inject=TEXT (sent behind STARTTLS in one segment), sni=NAME, noverify,
wait=SECONDS, save=FILE, resume=FILE (not across processes: both in one, as
again=PORT), facts (version and cipher first), cut (no close_notify at the end).
"""
import socket
import ssl
import sys

port, ca, name = int(sys.argv[1]), sys.argv[2], sys.argv[3]
words = sys.argv[4:]
value = dict(w.split("=", 1) for w in words if "=" in w)
START = {"smtp": b"STARTTLS\r\n", "pop3": b"STLS\r\n"}


def context():
    c = ssl.create_default_context(cafile=ca)
    if "noverify" in words:
        c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    for word, version in (("1.2", ssl.TLSVersion.TLSv1_2),
                          ("1.3", ssl.TLSVersion.TLSv1_3)):
        if word in words:
            c.minimum_version = c.maximum_version = version
    return c


def line(s):
    got = b""
    while not got.endswith(b"\n"):
        octet = s.recv(1)
        if not octet:
            break
        got += octet
    return got


def connect(c, to, session=None):
    s = socket.create_connection(("127.0.0.1", to), timeout=30)
    for proto, command in START.items():
        if proto in words:
            line(s)
            s.sendall(command + value.get("inject", "").encode()
                      .decode("unicode_escape").encode("latin-1"))
            answer = line(s)
            if answer[:3] not in (b"220", b"+OK"):
                print(answer.decode().strip())
                sys.exit(1)
    return c.wrap_socket(s, server_hostname=value.get("sni", name),
                         session=session)


def all_of(s):
    got = b""
    while True:
        try:
            more = s.recv(65536)
        except (ConnectionError, ssl.SSLEOFError):
            break
        if not more:
            break
        got += more
    return got


try:
    c = context()
    s = connect(c, port)
    if "facts" in words:
        print(s.version(), s.cipher()[0],
              dict(x[0] for x in s.getpeercert()["subject"])["commonName"]
              if "noverify" not in words else "")
    s.sendall(sys.stdin.buffer.read())
    sys.stdout.write(all_of(s).decode("latin-1"))
    if "again" in value:
        session = s.session
        s.close()
        for to in value["again"].split(","):
            t = connect(c, int(to), session)
            print(to, "resumed" if t.session_reused else "full")
            t.sendall(b"QUIT\r\n")
            all_of(t)
            session = t.session if t.session_reused else session
            t.close()
except (OSError, ssl.SSLError) as e:
    print("failed:", e)
    sys.exit(1)
