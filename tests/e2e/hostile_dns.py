#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""hostile_dns.py PORT CASES: a resolver over UDP that answers by the rows of
CASES (tests/cases/dns-responses.jsonl), and by some of its own.

The zone that is asked names the row: a-len3.example gets row a-len3 as it stands
with the id of the question, a-len3.asked.example also with that question in place
of its own. Prints a line when it listens, and runs until it is killed.
"""
import json
import socket
import struct
import sys


def question_of(query):
    at = 12
    while query[at]:
        at += query[at] + 1
    return query[12:at + 5]


def labels_of(question):
    labels, at = [], 0
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]].decode("latin-1"))
        at += question[at] + 1
    return labels


def with_question(packet, question):
    """The same header and records behind the question that was asked."""
    if len(packet) < 12:
        return packet
    at = 12
    for _ in range(struct.unpack(">H", packet[4:6])[0]):
        while at < len(packet) and packet[at]:
            at += packet[at] + 1
        at += 5
    return packet[:4] + b"\0\1" + packet[6:12] + question + packet[at:]


def answer(records, count=None, rcode=0):
    n = len(records) if count is None else count
    return struct.pack(">HHHHHH", 0, 0x8180 | rcode, 1, n, 0, 0) + b"\0\0\1\0\1" + b"".join(records)


def record(kind, data, length=None, name=b"\xc0\x0c"):
    return name + struct.pack(">HHIH", kind, 1, 60, len(data) if length is None else length) + data


LISTED = record(1, b"\x7f\0\0\2")
OWN = {
    "listed": answer([LISTED]),
    "txt-long": answer([LISTED] + [record(16, b"\xff" + b"x" * 255) for _ in range(4)]),
    "count-lies": answer([LISTED], 60000),
    "a-many": answer([LISTED] * 250),
    "data-short": answer([record(1, b"\x7f\0", 4)]),
    "cname-loop": answer([record(5, b"\xc0\x0c")]),
    "name-loop": answer([record(1, b"\x7f\0\0\2", name=b"\xc0\x21")]),
    "servfail": answer([], rcode=2),
    "refused": answer([], rcode=5),
    "other-name": answer([record(1, b"\x7f\0\0\2", name=b"\5other\0")]),
}


def main():
    rows = dict(OWN)
    for line in open(sys.argv[2]):
        row = json.loads(line)
        rows[row["id"]] = bytes.fromhex(row["hex"])
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("127.0.0.1", int(sys.argv[1])))
    print("listens", flush=True)
    while True:
        query, peer = s.recvfrom(65535)
        question = question_of(query)
        labels = labels_of(question)
        asked = labels[-2] == "asked"
        packet = rows.get(labels[-3 if asked else -2], b"")
        if asked:
            packet = with_question(packet, question)
        s.sendto(query[:2] + packet[2:] if len(packet) > 1 else packet, peer)


main()
