#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""replay.py PORT FILE [ID...]: plays the cases of FILE against an SMTP server.

A case is one JSON object: id; state, how far the session is taken first
(connect, ehlo, mail, rcpt); send, a list of strings (one code point an octet)
and {"rep": s, "n": k}, {"wait": code}, {"sleep": s}, {"close": how}; want, a
regular expression for the codes of all replies, in order, with a space
between; after, alive or closed or any. Besides, every reply line must be
printable ASCII, at most 512 octets with CRLF, and nothing may follow that
`want` does not have. Output is TAP.
"""
import concurrent.futures
import json
import os
import re
import socket
import ssl
import sys
import time

PATIENCE = 60  # seconds for what must come
QUIET = 0.15  # seconds in which nothing more may come
SETUP = {
    "connect": [],
    "ehlo": ["EHLO c.peer.test"],
    "mail": ["EHLO c.peer.test", "MAIL FROM:<s@peer.test>"],
    "rcpt": ["EHLO c.peer.test", "MAIL FROM:<s@peer.test>",
             "RCPT TO:<alice@local.test>"],
}


# The port begins with TLS, and this is who signed its certificate. Cases that
# are about STARTTLS, or end half a connection, are left out.
CA = os.environ.get("REPLAY_CA")
TLS = ssl.create_default_context(cafile=CA) if CA else None


class Wrong(Exception):
    pass


class Session:
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if TLS:
            self.sock = TLS.wrap_socket(self.sock, server_hostname="localhost")
        self.unread, self.codes, self.awaited = b"", [], 0
        self.ended = self.closed = False

    def send(self, octets):
        try:
            self.sock.settimeout(PATIENCE)
            self.sock.sendall(octets)
        except OSError:
            self.closed = True

    def fill(self, seconds):
        """False when nothing came in time; ended when they closed."""
        self.sock.settimeout(max(seconds, 0.001))
        try:
            octets = self.sock.recv(65536)
        except TimeoutError:
            return False
        except OSError:
            octets = b""
        self.ended = self.ended or not octets
        self.unread += octets
        return True

    def take_lines(self):
        while b"\n" in self.unread:
            line, self.unread = self.unread.split(b"\n", 1)
            if not re.fullmatch(rb"[2-5][0-9]{2}[ -][ -~]*\r", line) \
                    or len(line) > 511:
                raise Wrong("bad reply line %r" % line)
            if line[3:4] == b" ":
                self.codes.append(line[:3].decode())

    def reply(self):
        """The code of the next reply, or None at the end."""
        until = time.monotonic() + PATIENCE
        while True:
            self.take_lines()
            if len(self.codes) > self.awaited:
                self.awaited += 1
                return self.codes[self.awaited - 1]
            if self.ended or not self.fill(until - time.monotonic()):
                return None

    def settle(self, want):
        """All replies: until `want` is met and nothing more comes."""
        until = time.monotonic() + PATIENCE
        while not self.ended:
            self.take_lines()
            met = re.fullmatch(want, " ".join(self.codes))
            if not self.fill(QUIET if met else until - time.monotonic()):
                break
        self.take_lines()


def play_part(s, part):
    if isinstance(part, str):
        s.send(part.encode("latin-1"))
    elif "rep" in part:
        s.send(part["rep"].encode("latin-1") * part["n"])
    elif "sleep" in part:
        time.sleep(part["sleep"])
    elif "wait" in part:
        code = s.reply()
        if code is None or not code.startswith(part["wait"]):
            raise Wrong("waited for %s, got %s" % (part["wait"], code))
    elif part.get("close") == "shut_wr":
        s.sock.shutdown(socket.SHUT_WR)
    elif "close" in part:
        s.sock.close()
        s.closed = True
    elif "flush" in part:
        time.sleep(0.05)
    else:
        raise Wrong("unknown part %r" % part)


def is_alive(s):
    s.awaited = len(s.codes)
    if s.codes and s.codes[-1] == "354":
        s.send(b".\r\n")
        s.reply()
    s.send(b"NOOP\r\n")
    return s.reply() == "250"


def play(port, case):
    s = Session(port)
    try:
        if s.reply() != "220":
            raise Wrong("no greeting")
        for line in SETUP[case["state"]]:
            s.send(line.encode() + b"\r\n")
            if s.reply() != "250":
                raise Wrong("set-up: %s" % line)
        s.codes, s.awaited = [], 0
        for part in case["send"]:
            play_part(s, part)
        if s.closed:
            return ""
        s.settle(case["want"])
        got = " ".join(s.codes)
        if not re.fullmatch(case["want"], got):
            return "want %s, got %s" % (case["want"], got)
        if case["after"] == "closed" and not s.ended:
            if s.fill(PATIENCE) and not s.ended:
                return "more than was wanted: %r" % s.unread
        if case["after"] == "closed" and not s.ended:
            return "still open"
        if case["after"] == "alive" and (s.ended or not is_alive(s)):
            return "the session did not go on"
        return ""
    except (Wrong, OSError) as error:
        return "%s (so far: %s)" % (error, " ".join(s.codes))
    finally:
        s.sock.close()


def main():
    port, only = int(sys.argv[1]), sys.argv[3:]
    with open(sys.argv[2], encoding="utf-8") as file:
        cases = [json.loads(line) for line in file]
    cases = [c for c in cases if not only or c["id"] in only]
    if TLS:
        cases = [c for c in cases if not c["id"].startswith("tls-")
                 and {"close": "shut_wr"} not in c["send"]]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = pool.map(lambda c: play(port, c), cases)
        failed = 0
        for number, (case, wrong) in enumerate(zip(cases, results), 1):
            print("%sok %d - %s" % ("not " if wrong else "", number,
                                    case["id"]))
            if wrong:
                failed += 1
                print("#", wrong)
    print("1..%d" % len(cases))
    sys.exit(1 if failed else 0)


main()
