# SPDX-License-Identifier: ISC
"""ptrace.py: stop a process at each of its system calls (Linux, x86-64).

A Tracer follows processes that System started. Each has a hook that sees every
entry and every exit, in order, and says what happens there: nothing, KILL,
FAIL with an errno, SHORT (a write that takes one octet), HOLD (it stays where
it is until release()). With PTRACE_GET_SYSCALL_INFO it is exact which of the
two a stop is. What is traced dies with us (PTRACE_O_EXITKILL).
"""
import ctypes
import os
import platform
import signal
import struct

CALLS = {
    "read": 0, "write": 1, "open": 2, "close": 3, "stat": 4, "fstat": 5,
    "poll": 7, "pread64": 17, "writev": 20, "ftruncate": 77, "sendto": 44,
    "recvfrom": 45, "sendmsg": 46, "recvmsg": 47, "socket": 41, "connect": 42,
    "flock": 73, "fsync": 74, "fdatasync": 75, "rename": 82, "mkdir": 83,
    "rmdir": 84, "link": 86, "unlink": 87, "openat": 257, "mkdirat": 258,
    "newfstatat": 262, "unlinkat": 263, "renameat": 264, "linkat": 265,
    "faccessat": 269, "sync_file_range": 277, "accept4": 288, "syncfs": 306,
    "renameat2": 316, "getrandom": 318, "openat2": 437, "faccessat2": 439,
    "getdents64": 217, "fadvise64": 221, "fcntl": 72, "dup2": 33, "brk": 12,
    "restart_syscall": 219, "getpid": 39, "exit_group": 231, "lseek": 8,
    "mmap": 9, "statfs": 137, "fstatfs": 138, "ppoll": 271, "pwrite64": 18,
    "epoll_wait": 232, "epoll_ctl": 233, "epoll_pwait": 281, "munmap": 11,
    "epoll_create1": 291, "clock_gettime": 228, "dup": 32, "fchmod": 91,
}
NAMES = {number: name for name, number in CALLS.items()}
CHANGES = {"write", "writev", "pwrite64", "rename", "renameat", "renameat2",
           "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir",
           "fsync", "syncfs", "sync_file_range", "sendto", "sendmsg",
           "openat", "ftruncate"}

PEEKDATA, POKEDATA, CONT, GETREGS, SETREGS, SYSCALL = 2, 5, 7, 12, 13, 24
SEIZE, INTERRUPT, LISTEN, GET_SYSCALL_INFO = 0x4206, 0x4207, 0x4208, 0x420E
O_SYSGOOD, O_CLONE, O_FORK, O_EXITKILL = 1, 8, 2, 0x100000
EVENT_STOP = 128
WALL = 0x40000000
RAX, RSI, RDX, ORIG_RAX, REGS = 10, 13, 12, 15, 27

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                         ctypes.c_void_p]


def supported():
    """None, or why this machine cannot trace."""
    if platform.machine() != "x86_64":
        return "the tracer knows x86-64 only"
    pid = os.posix_spawn("/bin/sleep", ["sleep", "5"], {})
    try:
        _call(SEIZE, pid, 0, O_EXITKILL)
    except OSError as e:
        return "ptrace is not allowed here: %s" % e
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, WALL)
    return None


def _call(request, pid, addr=0, data=0):
    got = _libc.ptrace(request, pid, addr, data)
    if got == -1 and ctypes.get_errno() != 0:
        error = ctypes.get_errno()
        ctypes.set_errno(0)
        raise OSError(error, os.strerror(error))
    return got


class Stop:
    """One entry or exit: what the hook sees."""
    __slots__ = ("entry", "name", "args", "ret", "index")

    def __init__(self, entry, name, args, ret, index):
        self.entry, self.name, self.args = entry, name, args
        self.ret, self.index = ret, index

    def __str__(self):
        return "%s %d %s" % ("before" if self.entry else "after", self.index,
                             self.name)


class KILL:
    pass


class HOLD:
    pass


class SHORT:
    pass


class Fail:
    def __init__(self, error):
        self.error = error


class Give(Fail):
    """The call is not made and returns this."""

    def __init__(self, value):
        self.error = -value


class Deny(Fail):
    """The call is made, and tells an error (close() does both)."""


class Traced:
    """A traced process. `count` numbers its calls since it was armed."""

    def __init__(self, pid, hook):
        self.pid, self.hook = pid, hook
        self.count = 0
        self.number, self.args = -1, ()
        self.returns = None     # what the exit is to show
        self.held = None        # the Stop it is held at
        self.stopped = False
        self.ending = False
        _call(SEIZE, pid, 0, O_SYSGOOD | O_CLONE | O_FORK | O_EXITKILL)
        _call(INTERRUPT, pid)

    def _go(self, sig=0):
        self.stopped = False
        try:
            _call(SYSCALL if self.hook or self.returns is not None else CONT,
                  self.pid, 0, sig)
        except OSError:     # it was killed meanwhile
            pass

    def release(self):
        """From HOLD: go on."""
        self.held = None
        self._go()

    def arm(self, hook):
        """From now on calls are counted and shown to this hook."""
        self.hook, self.count, self.number = hook, 0, -1
        if not self.stopped:
            _call(INTERRUPT, self.pid)

    def _registers(self):
        regs = (ctypes.c_ulonglong * REGS)()
        _call(GETREGS, self.pid, 0, ctypes.addressof(regs))
        return regs

    def _set(self, regs):
        _call(SETREGS, self.pid, 0, ctypes.addressof(regs))

    def _info(self):
        raw = ctypes.create_string_buffer(88)
        _call(GET_SYSCALL_INFO, self.pid, 88, ctypes.addressof(raw))
        op = raw.raw[0]
        if op == 1:
            return True, struct.unpack_from("=Q6Q", raw.raw, 24)
        if op == 2:
            return False, struct.unpack_from("=q", raw.raw, 24)
        return None, ()

    def _replace(self, returns):
        """Make getpid() of it; the exit will show `returns`."""
        regs = self._registers()
        regs[ORIG_RAX] = CALLS["getpid"]
        self._set(regs)
        self.returns = returns

    def _shorten(self):
        regs = self._registers()
        if NAMES.get(self.number) == "writev":
            _call(POKEDATA, self.pid, regs[RSI] + 8, 1)
        regs[RDX] = 1
        self._set(regs)

    def _kill(self):
        """The call, if it was not made yet, is not made."""
        try:
            regs = self._registers()
            regs[ORIG_RAX] = 2 ** 64 - 1
            self._set(regs)
        except OSError:
            pass
        self.ending = True
        os.kill(self.pid, signal.SIGKILL)

    def on_stop(self, status):
        """A stop that waitpid() told."""
        self.stopped = True
        if status >> 16:            # an event: clone, or INTERRUPT
            self._go()
            return
        sig = os.WSTOPSIG(status)
        if sig != signal.SIGTRAP | 0x80:
            self._go(sig)           # a signal on its way
            return
        try:
            self._on_call()
        except OSError:             # killed under our hands
            pass

    def _on_call(self):
        entry, values = self._info()
        if entry is None or self.hook is None and self.returns is None:
            self._go()
            return
        if entry:
            self.number, self.args = values[0], values[1:]
            if NAMES.get(self.number) != "restart_syscall":
                self.count += 1
            ret = None
        else:
            if self.number == -1:   # its entry was before us
                self._go()
                return
            ret = values[0]
            if self.returns is not None:
                ret = self.returns
                regs = self._registers()
                regs[RAX] = ret & (2 ** 64 - 1)
                self._set(regs)
                self.returns = None
        name = NAMES.get(self.number, str(self.number))
        if name == "restart_syscall" or self.hook is None:
            self._go()
            return
        stop = Stop(entry, name, self.args, ret, self.count)
        self._act(self.hook(self, stop), stop)

    def _act(self, action, stop):
        if action is None:
            self._go()
        elif action is KILL:
            self._kill()
        elif action is HOLD:
            self.held = stop
        elif action is SHORT:
            self._shorten()
            self._go()
        elif isinstance(action, Deny):
            self.returns = -action.error
            self._go()
        elif isinstance(action, Fail):
            self._replace(-action.error)
            self._go()
        else:
            raise ValueError("no such action: %r" % (action,))

    def read(self, address, size):
        """Octets of its memory, while it is stopped."""
        with open("/proc/%d/mem" % self.pid, "rb", 0) as f:
            f.seek(address)
            return f.read(size)

    def path_of(self, fd):
        """What a descriptor of it names."""
        try:
            return os.readlink("/proc/%d/fd/%d" % (self.pid, fd))
        except OSError:
            return ""
