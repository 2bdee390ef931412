# SPDX-License-Identifier: ISC
"""faults.py: one failing system call at a time, each call, each error.

The rows are errors that a kernel gives. Answers that would be lies (a link
that is not there answered EEXIST, a read that ends early) are left out.
"""
import errno
import os

import ptrace

E = errno
OPEN = ("openat", "openat2")
WRITE = ("write", "writev", "pwrite64")
SYNC = ("fsync", "fdatasync", "syncfs")
NAME = ("rename", "renameat2", "linkat", "mkdirat")
POLL = ("poll", "ppoll", "epoll_wait", "epoll_pwait")
SOCKET = ("sendto", "sendmsg", "recvfrom", "recvmsg")

# (calls, error, is it in the short run). err-NN of the catalogue of faults.
ROWS = [
    (OPEN, E.ENOSPC, False), (OPEN, E.EMFILE, True), (OPEN, E.ENFILE, False),
    (OPEN, E.EACCES, False), (OPEN, E.EROFS, False), (OPEN, E.EIO, True),
    (OPEN, E.EDQUOT, False), (OPEN, E.EINTR, False), (OPEN, E.ELOOP, False),
    (WRITE, E.ENOSPC, True), (WRITE, E.EDQUOT, False), (WRITE, E.EFBIG, False),
    (WRITE, E.EIO, True), (WRITE, E.EINTR, False), (WRITE, E.EAGAIN, False),
    (WRITE, "short", True), (WRITE, "zero", False),
    (SYNC, E.EIO, True), (SYNC, E.ENOSPC, True), (SYNC, E.EDQUOT, False),
    (("sync_file_range",), E.EIO, False),
    (("close",), E.EIO, False), (("close",), E.EINTR, False),
    (NAME, E.ENOSPC, True), (NAME, E.EIO, True), (NAME, E.EACCES, False),
    (NAME, E.EDQUOT, False), (("linkat",), E.EXDEV, False),
    (("linkat",), E.EMLINK, True), (("linkat",), E.EPERM, False),
    (("renameat2",), E.EINVAL, False),
    (("unlinkat",), E.EIO, True), (("unlinkat",), E.EACCES, False),
    (("unlinkat",), E.EROFS, False), (("rmdir",), E.EIO, False),
    (("read", "pread64"), E.EIO, True), (("read", "pread64"), E.EINTR, False),
    (("read", "pread64"), "short", False),
    (("accept4",), E.EMFILE, True), (("accept4",), E.ENFILE, False),
    (("accept4",), E.ECONNABORTED, False), (("accept4",), E.EINTR, False),
    (("accept4",), E.ENOMEM, False),
    (("socket", "connect"), E.EMFILE, True),
    (("socket", "connect"), E.ECONNREFUSED, False),
    (("socket", "connect"), E.EINTR, False),
    (SOCKET, E.EAGAIN, False), (SOCKET, E.ECONNRESET, True),
    (SOCKET, E.EPIPE, False), (SOCKET, E.EINTR, False),
    (("sendto", "recvfrom"), "short", False),
    (("mmap", "brk"), E.ENOMEM, False),
    (POLL, E.EINTR, True), (POLL, E.ENOMEM, False),
    (("getrandom",), E.EINTR, False), (("getrandom",), E.ENOSYS, False),
    (("newfstatat", "fstat", "stat"), E.EIO, True),
    (("newfstatat", "fstat", "stat"), E.EACCES, False),
    (("faccessat", "faccessat2"), E.EIO, False),
    (("getdents64",), E.EIO, True),
]


def row_name(calls, error):
    return "%s %s" % (calls[0], error if isinstance(error, str)
                      else E.errorcode[error])


class FaultAt:
    """The nth of some calls fails; lasts: and all that follow it, until end()."""

    def __init__(self, calls, error, nth, lasts=False):
        self.calls, self.error, self.nth = calls, error, nth
        self.lasts, self.met, self.fired, self.path = lasts, 0, None, ""
        self.over = False

    def end(self):
        self.over = True

    def __call__(self, traced, stop):
        if not stop.entry or self.over or stop.name not in self.calls:
            return None
        self.met += 1
        if self.met < self.nth or (self.met > self.nth and not self.lasts):
            return None
        if self.fired is None:
            self.fired = "%s (%d)" % (stop, self.nth)
            self.path = traced.path_of(stop.args[0] & 0xffffffff)
        if self.error == "short":
            return ptrace.SHORT
        if self.error == "zero":
            return ptrace.Give(0)
        if stop.name == "close":
            return ptrace.Deny(self.error)
        return ptrace.Fail(self.error)

    def wants_trouble(self):
        """A sync told that the disk lacks something: nobody may forget it."""
        return self.fired is not None and self.calls is SYNC and \
            self.error == E.EIO


def open_files(pid):
    try:
        return len(os.listdir("/proc/%d/fd" % pid))
    except OSError:
        return 0
