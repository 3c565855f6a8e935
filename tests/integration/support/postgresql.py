"""A PostgreSQL of its own in a temporary directory, as an unprivileged user.

Without fsync: no machine crashes here, and a server that was killed would sync each of its
thousand files before it answers again.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

from carillond import DEADLINE_S

BIN = os.environ.get("CARILLON_POSTGRES_BIN", "/usr/lib/postgresql/15/bin")
# PostgreSQL refuses to run as root. It ends with us, however we end.
AS_NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
             "--pdeathsig=QUIT", "--"]
AS_OURSELVES = ["setpriv", "--pdeathsig=QUIT", "--"]


def memory_with_room():
    """A place in memory, if there is one that holds a database: a container often has 64 MiB."""
    if "TMPDIR" in os.environ or not os.path.isdir("/dev/shm"):
        return None
    space = os.statvfs("/dev/shm")
    return "/dev/shm" if space.f_bavail * space.f_frsize >= 1 << 30 else None


class PostgreSQL:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="carillon-", dir=memory_with_room())
        self._user = AS_OURSELVES
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.directory, nobody.pw_uid, nobody.pw_gid)
            self._user = AS_NOBODY
        self._data = os.path.join(self.directory, "data")
        self._process = None
        subprocess.run([*self._user, f"{BIN}/initdb", "--pgdata", self._data, "--no-sync",
                        "--auth=trust", "--username=carillon", "--encoding=UTF8",
                        "--locale=C.UTF-8"], check=True, stdout=subprocess.DEVNULL,
                       cwd=self.directory)
        self.start()
        self.sql("CREATE DATABASE events", database="postgres")
        host = urllib.parse.quote(self.directory, safe="")
        self.url = f"postgresql://carillon:secret@/events?host={host}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self):
        self._process = subprocess.Popen(
            [*self._user, f"{BIN}/postgres", "-D", self._data, "-k", self.directory,
             "-c", "listen_addresses=", "-c", "shared_buffers=32MB", "-c", "fsync=off",
             "-c", "dynamic_shared_memory_type=mmap", "-c", "log_min_messages=panic"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=self.directory)
        end = time.monotonic() + DEADLINE_S
        while subprocess.run([f"{BIN}/pg_isready", "-q", "-h", self.directory],
                             check=False).returncode != 0:
            assert time.monotonic() < end, "PostgreSQL does not start"

    def stop(self, number):
        """SIGQUIT: at once, as a crash does. SIGINT: in order."""
        self._process.send_signal(number)
        self._process.wait(DEADLINE_S)
        self._process = None

    def freeze(self):
        """From now on it answers nothing, and keeps its connections."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self):
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number):
        pid = self._process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            for each in [pid, *map(int, children.read().split())]:
                os.kill(each, number)

    def sql(self, statement, database="events"):
        """The first column of the first row, as text."""
        result = subprocess.run([f"{BIN}/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                                 "-h", self.directory, "-U", "carillon", "-d", database,
                                 "-c", statement], check=True, capture_output=True, text=True)
        return result.stdout.strip()

    def cut_connections(self):
        self.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                 " WHERE datname = 'events' AND pid <> pg_backend_pid()")
