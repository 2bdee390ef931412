#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""replay_pop3.py PORT USER PASSWORD FILE: plays the cases of FILE against a
POP3 server on 127.0.0.1 and prints TAP, without a plan.

A case is one JSON object a line: `send`, strings of octets (latin-1) or
{"rep": s, "n": k}; `state`, auth or trans; `want`, how each line of the
answer begins, all of them. After each the session must still answer NOOP (a
wrong command before the login), in clean ASCII with CRLF ends.
"""
import json
import os
import re
import socket
import ssl
import sys

PORT, USER, PASSWORD, FILE = int(sys.argv[1]), *sys.argv[2:5]
LIMIT = 60
CA = os.environ.get("REPLAY_CA")  # the port begins with TLS
CLEAN = re.compile(rb"[\x20-\x7e]*\r\n\Z")


class Peer:
    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", PORT), LIMIT)
        if CA:
            self.socket = ssl.create_default_context(cafile=CA).wrap_socket(
                self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")

    def send(self, octets):
        self.socket.sendall(octets)

    def line(self):
        got = self.file.readline(65536)
        if not CLEAN.match(got):
            raise ValueError(f"not a clean line: {got!r}")
        return got[:-2].decode("ascii")


def begin(state):
    peer = Peer()
    peer.line()
    if state == "trans":
        peer.send(f"USER {USER}\r\nPASS {PASSWORD}\r\n".encode())
        peer.line()
        if not peer.line().startswith("+OK"):
            raise ValueError("no login")
    return peer


def octets_of(send):
    return b"".join(
        (e if isinstance(e, str) else e["rep"] * e["n"]).encode("latin-1")
        for e in send)


def play(case):
    peer = begin(case["state"])
    peer.send(octets_of(case["send"]))
    got = [peer.line() for _ in case["want"]]
    for line, want in zip(got, case["want"]):
        if not line.startswith(want) or (want in ("", ".") and line != want):
            return f"got {got}, want {case['want']}"
    peer.send(b"NOOP\r\n")  # nothing more was said, and it goes on
    line, want = peer.line(), "+OK" if case["state"] == "trans" else "-ERR"
    if line[:len(want)] != want:
        return f"after it: {line!r}"
    peer.send(b"QUIT\r\n" if case["state"] == "auth" else b"RSET\r\nQUIT\r\n")
    while peer.file.readline():
        pass
    return None


def main():
    failed = 0
    with open(FILE, encoding="utf-8") as cases:
        for n, text in enumerate(cases, 1):
            case = json.loads(text)
            try:
                why = play(case)
            except (OSError, ValueError) as error:
                why = str(error)
            failed += why is not None
            print(f"{'not ok' if why else 'ok'} {n} - {case['id']}")
            if why:
                print("#", why)
    print(f"# played {n}, failed {failed}")
    sys.exit(1 if failed else 0)


main()
