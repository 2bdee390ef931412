#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""crowd.py PORT RCPT COUNT KIND SECONDS: a crowd that holds SMTP sessions.

COUNT clients of 127.1.0.0 and up, each of an address of its own, every second
one after STARTTLS. By KIND they are then silent (`idle`), say a command
(`command`) or a message (`data`) of one octet a second; with `-again` behind
it, who is sent away comes back after a second. Meanwhile one client after the
other, plain and over TLS in turn, hands over a message to RCPT. Printed is what
those were told, as one JSON object: how many (`served`, `not_served`), the
seconds from connect to 220 and to the message's 250 (`greeted`, `taken`: median
and worst), and how many of the crowd held a connection at the end (`held`).
"""
import asyncio
import json
import os
import socket
import ssl
import statistics
import sys
import time

LONG_S = 10                     # a well-behaved client waits so long
BETWEEN_S = 0.2                 # from one well-behaved client to the next
OPEN = ssl._create_unverified_context()


class Crowd:
    def __init__(self, port, rcpt, count, kind):
        self.port, self.rcpt, self.count = port, rcpt, count
        self.again = kind.endswith("-again")
        self.kind = kind.replace("-again", "")
        self.held = self.met = 0

    async def reply(self, reader):
        while True:
            line = await reader.readline()
            if line[3:4] != b"-":
                return line[:3]

    async def say(self, reader, writer, *lines):
        for line in lines:
            writer.write(line + b"\r\n")
            if (await self.reply(reader))[:1] not in (b"2", b"3"):
                raise ConnectionError

    async def hold(self, i):
        """A session, until the server ends it."""
        address = f"127.{1 + (i >> 14)}.{i >> 6 & 255}.{1 + (i & 63)}"
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(address, 0))
        self.held += 1
        self.met += 1
        try:
            if await self.reply(reader) != b"220":
                return
            if i % 2:
                await self.say(reader, writer, b"EHLO crowd.test",
                               b"STARTTLS")
                await writer.start_tls(OPEN, server_hostname="localhost")
            await self.dawdle(reader, writer)
        finally:
            self.held -= 1
            writer.transport.abort()

    async def dawdle(self, reader, writer):
        if self.kind == "data":
            await self.say(reader, writer, b"EHLO crowd.test",
                           b"MAIL FROM:<a@crowd.test>",
                           b"RCPT TO:<%s>" % self.rcpt.encode(), b"DATA")
        end = asyncio.ensure_future(reader.read())
        while self.kind != "idle":
            writer.write(b"x")
            if (await asyncio.wait([end], timeout=1))[0]:
                break
        await end

    async def client(self, i):
        while True:
            try:
                await self.hold(i)
            except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
                pass
            if not self.again:
                return
            await asyncio.sleep(1)

    async def run(self, pipe):
        os.set_blocking(pipe, False)
        crowd = [asyncio.ensure_future(self.client(i))
                 for i in range(self.count)]
        told = asyncio.Event()
        asyncio.get_running_loop().add_reader(pipe, told.set)
        while self.met < self.count:
            await asyncio.sleep(0.05)
        os.write(pipe, b".")
        await told.wait()
        os.write(pipe, b"%d\n" % self.held)
        os._exit(0 if crowd else 1)


def talk(s, line=None):
    if line is not None:
        s.sendall(line + b"\r\n")
    said = b""
    while not said.endswith(b"\n") or said.splitlines()[-1][3:4] == b"-":
        octets = s.recv(4096)
        if not octets:
            raise ConnectionError(said)
        said += octets
    if said[:1] not in b"23":
        raise ConnectionError(said)


def behave(port, rcpt, is_tls):
    """Seconds to 220 and to 250 of a message."""
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), LONG_S) as s:
        talk(s)
        greeted = time.monotonic() - begin
        talk(s, b"EHLO good.test")
        if is_tls:
            talk(s, b"STARTTLS")
            s = OPEN.wrap_socket(s)
            talk(s, b"EHLO good.test")
        talk(s, b"MAIL FROM:<good@good.test>")
        talk(s, b"RCPT TO:<%s>" % rcpt.encode())
        talk(s, b"DATA")
        talk(s, b"Subject: still here\r\n\r\nhello\r\n.")
        taken = time.monotonic() - begin
        talk(s, b"QUIT")
        s.close()
    return greeted, taken


def main():
    port, rcpt, count, kind, seconds = sys.argv[1:]
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        crowd = Crowd(int(port), rcpt, int(count), kind)
        asyncio.run(crowd.run(theirs.fileno()))
    theirs.close()
    ours.recv(1)                # all of them are connected
    times, why, end = [], [], time.monotonic() + float(seconds)
    turn = 0
    while time.monotonic() < end:
        time.sleep(BETWEEN_S)
        turn += 1
        try:
            times.append(behave(int(port), rcpt, turn % 2))
        except OSError as e:
            why.append(str(e))
    ours.sendall(b".")
    held = int(ours.recv(64))
    os.waitpid(pid, 0)
    greeted = [g for g, _ in times] or [LONG_S]
    taken = [t for _, t in times] or [LONG_S]
    print(json.dumps({
        "served": len(times), "not_served": len(why), "held": held,
        "greeted": statistics.median(greeted), "greeted_worst": max(greeted),
        "taken": statistics.median(taken), "taken_worst": max(taken),
        "why": sorted(set(why))[:3]}))


if __name__ == "__main__":
    main()
