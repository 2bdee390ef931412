"""Postfix and Dovecot: instances of our own from a folder of the run."""
import os
import shutil
import subprocess

from .host import Server, call, certificate, free_port, is_root, tls_over, \
    wait_banner

DOMAIN = "bench.test"
PASSWORD = "secret"
OWNER = "nobody"            # of mailboxes, and of our home
POSTFIX_LIBEXEC = ("/usr/lib/postfix/sbin", "/usr/libexec/postfix")

MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = {libexec}
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.{domain}
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = hash:{root}/etc/mailboxes
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_mailbox_limit = 0
message_size_limit = 20971520
"""
# Its manual's advice for load (TUNING_README, postconf(5)): nothing slows the
# inflow down, no look-up of the client's name, deliveries in parallel at once,
# processes that live longer.
MAIN_CF_TUNING = """\
in_flow_delay = 0s
smtpd_peername_lookup = no
initial_destination_concurrency = 20
max_use = 1000
"""
MAIN_CF_TLS = """\
smtpd_tls_security_level = may
smtpd_tls_chain_files = {key}, {certificate}
"""
# name, type, private, unpriv, wakeup, maxproc, command: Postfix's own table
# without chroot (its own default; the package for Debian sets it).
MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
"""
QUEUE_DIRS = ("active bounce corrupt defer deferred flush hold incoming "
              "private saved trace")

DOVECOT_CONF = """\
base_dir = {root}/dovecot/run
state_dir = {root}/dovecot/state
log_path = {root}/dovecot/log
protocols = pop3
listen = 127.0.0.1
{ssl}
disable_plaintext_auth = no
auth_mechanisms = plain
mail_location = maildir:{root}/mail/%n
first_valid_uid = 1
service pop3-login {{{tuning}
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = {tls_port}
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {root}/dovecot/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/mail/%n
}}
"""
DOVECOT_TLS = """\
ssl = required
ssl_cert = <{certificate}
ssl_key = <{key}"""
# Dovecot's manual, "Login processes", high-performance mode.
DOVECOT_TUNING = """
  service_count = 0
  process_min_avail = 2"""


def owner_ids():
    import pwd
    entry = pwd.getpwnam(OWNER)
    return entry.pw_uid, entry.pw_gid


def names_of(n):
    """The mailboxes of a measure: warm for the warm-up, u1 to uN."""
    return ["warm"] + [f"u{i}" for i in range(1, n + 1)]


def make_maildirs(base, names, ids):
    os.makedirs(base, 0o755)
    os.chown(base, *ids)
    for name in names:
        for d in ("", "new", "cur", "tmp"):
            os.mkdir(f"{base}/{name}/{d}", 0o700)
            os.chown(f"{base}/{name}/{d}", *ids)


class Peer:
    """Postfix, and with pop=True Dovecot on the same mailboxes."""
    name = "peer"
    parts = "Postfix"

    def __init__(self, scratch):
        self.scratch = scratch  # where certificates are kept
        self.servers = []
        self.tuned = False      # Postfix as its manual advises for load

    @staticmethod
    def missing():
        """What keeps us from running them here, or None."""
        if not is_root():
            return "not root"
        for program in ("postconf", "postmap", "dovecot"):
            if not (shutil.which(program) or
                    os.path.exists(f"/usr/sbin/{program}")):
                return f"{program} is not installed"
        if not Peer.libexec():
            return "Postfix's daemons not found"
        return None

    @staticmethod
    def libexec():
        return next((d for d in POSTFIX_LIBEXEC
                     if os.path.exists(f"{d}/master")), None)

    @staticmethod
    def version():
        said = subprocess.run(["dovecot", "--version"], text=True,
                              stdout=subprocess.PIPE).stdout.split()
        mail = subprocess.run(["postconf", "-dh", "mail_version"], text=True,
                              stdout=subprocess.PIPE).stdout.strip()
        return f"Postfix {mail}, Dovecot {said[0]}"

    def setup(self, root, mailboxes=1, pop=False, tls=None, **_):
        self.root, self.pop, self.tls = root, pop, tls
        self.ids = owner_ids()
        self.names = names_of(mailboxes)
        self.mail = f"{root}/mail"
        self.smtp_port, self.pop_port = free_port(), free_port()
        self.values = dict(root=root, domain=DOMAIN, libexec=self.libexec(),
                           uid=self.ids[0], gid=self.ids[1])
        if tls:
            pair = certificate(self.scratch, tls)
            self.values.update(certificate=pair[0], key=pair[1])
        make_maildirs(self.mail, self.names, self.ids)
        self.setup_postfix()
        if pop:
            self.setup_dovecot()

    def setup_postfix(self):
        root = self.root
        for d in (f"{root}/etc", f"{root}/queue"):
            os.makedirs(d, 0o755)
        os.mkdir(f"{root}/data", 0o700)
        shutil.chown(f"{root}/data", "postfix")
        for d in QUEUE_DIRS.split():
            os.mkdir(f"{root}/queue/{d}", 0o700)
            shutil.chown(f"{root}/queue/{d}", "postfix")
        for d, mode in (("pid", 0o755), ("maildrop", 0o730),
                        ("public", 0o710)):
            os.mkdir(f"{root}/queue/{d}")
            os.chmod(f"{root}/queue/{d}", mode)
            if d != "pid":
                shutil.chown(f"{root}/queue/{d}", "postfix", "postdrop")
        self.write("etc/main.cf", MAIN_CF.format(**self.values) +
                   (MAIN_CF_TUNING if self.tuned else "") +
                   (MAIN_CF_TLS.format(**self.values) if self.tls else ""))
        self.write("etc/master.cf", MASTER_CF.format(port=self.smtp_port))
        self.write("etc/mailboxes", "".join(
            f"{n}@{DOMAIN} {n}/\n" for n in self.names))
        call("postmap", "-c", f"{root}/etc", f"hash:{root}/etc/mailboxes")

    def setup_dovecot(self):
        for d in ("dovecot", "dovecot/run", "dovecot/state"):
            os.mkdir(f"{self.root}/{d}", 0o755)
        self.write_dovecot("")
        self.write("dovecot/users", "".join(
            f"{n}@{DOMAIN}:{{PLAIN}}{PASSWORD}\n" for n in self.names))

    def write_dovecot(self, tuning):
        self.write("dovecot/conf", DOVECOT_CONF.format(
            port=0 if self.tls else self.pop_port,
            tls_port=self.pop_port if self.tls else 0,
            ssl=DOVECOT_TLS.format(**self.values) if self.tls else "ssl = no",
            tuning=tuning, **self.values))

    def start_dovecot(self):
        self.dovecot = Server(["dovecot", "-F", "-c",
                               f"{self.root}/dovecot/conf"],
                              f"{self.root}/log")
        self.servers.append(self.dovecot)
        wait_banner(self.pop_port, b"+OK", self.dovecot.alive,
                    **({"over": tls_over} if self.tls else {}))

    def tune_logins(self):
        """Started anew as its manual advises for many logins."""
        self.dovecot.stop()
        self.servers.remove(self.dovecot)
        self.write_dovecot(DOVECOT_TUNING)
        self.start_dovecot()
        return True

    def write(self, name, text):
        with open(f"{self.root}/{name}", "w") as f:
            f.write(text)

    def start(self):
        log = f"{self.root}/log"
        master = Server([f"{self.libexec()}/master", "-c",
                         f"{self.root}/etc"], log)
        self.servers.append(master)
        wait_banner(self.smtp_port, b"220", master.alive)
        if self.pop:
            self.start_dovecot()

    def start_handshakes(self, root, kind):
        """What `openssl s_time` talks to, at tls_port: openssl's own."""
        os.makedirs(root)
        pair = certificate(self.scratch, kind)
        self.tls_port = free_port()
        self.servers.append(Server(
            ["openssl", "s_server", "-quiet", "-WWW", "-accept",
             f"127.0.0.1:{self.tls_port}", "-cert", pair[0], "-key", pair[1]],
            f"{root}/log"))

    def roots(self):
        return [s.pid for s in self.servers]

    def stop(self):
        for server in reversed(self.servers):
            server.stop()
        self.servers = []

    def maildir(self, name):
        return f"{self.mail}/{name}"

    def fill(self, name, count, size):
        """Messages in a mailbox as virtual(8) would have left them."""
        path = f"{self.maildir(name)}/new"
        head = (f"Return-Path: <load@{DOMAIN}>\n"
                f"X-Original-To: {name}@{DOMAIN}\n"
                f"Delivered-To: {name}@{DOMAIN}\n").encode()
        body = content(size, b"\n")
        for i in range(count):
            file = f"{path}/{1700000000 + i // 500}.V801I{i:x}M{i}.mx"
            write_file(file, head + body, 0o600, self.ids)


def content(size, end):
    head = b"From: Load <load@bench.test>%bSubject: filled%b%b" % (
        end, end, end)
    line = b"abcdefghijklmnopqrstuvwxyz0123456789" * 2 + b"1234" + end
    body = line * ((size - len(head)) // len(line))
    rest = size - len(head) - len(body) - len(end)
    return head + body + (b"z" * rest + end if rest >= 0 else b"")


def write_file(path, data, mode, ids):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        os.write(fd, data)
        if is_root():
            os.fchown(fd, *ids)
    finally:
        os.close(fd)
