"""uWebSockets as a server: fetched as the shared object of the Python package socketify, since
Debian has no package of it, and linked with uwebsockets.c.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import servers

VERSION = "0.0.31"
SHA256 = "7502bed5b382e75f04ea3c6d6b53b76f27bb8653740db92e3f2b55fab388df20"
SHARED = "libsocketify_linux_amd64.so"


class UWebSockets(servers.Server):
    name = "uWebSockets"
    note = "publishes what it gets; validates, keeps and stores nothing; its event loop is libuv's"
    directory = None  # where it is built, set by the caller

    @classmethod
    def version(cls):
        binary = cls.directory / "uwebsockets"
        if not binary.exists():
            cls._build(binary)
        return f"of socketify {VERSION}"

    @classmethod
    def _build(cls, binary):
        cls.directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as directory:
            wanted = Path(directory, "requirements.txt")
            wanted.write_text(f"socketify=={VERSION} --hash=sha256:{SHA256}\n")
            cls._do([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                     "--disable-pip-version-check", "-d", directory, "-r", wanted])
            with tarfile.open(Path(directory, f"socketify-{VERSION}.tar.gz")) as archive:
                member = archive.extractfile(f"socketify-{VERSION}/src/socketify/{SHARED}")
                with open(cls.directory / SHARED, "wb") as out:
                    shutil.copyfileobj(member, out)
        source = Path(__file__).with_name("uwebsockets.c")
        cls._do(["cc", "-O2", "-Wall", "-Wextra", "-o", binary, source, cls.directory / SHARED,
                 "-Wl,-rpath,$ORIGIN"])

    @staticmethod
    def _do(command):
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise servers.Missing(
                f"uWebSockets can't be had: {command[0]} said: {done.stdout.strip()[-300:]}\n"
                "It needs the network once, and python3-pip and libuv1 of "
                "tools/dev/install_packages.sh dev; or leave it out with --servers")

    def command(self, directory):
        return [self.directory / "uwebsockets", self.port]

    def subscribing(self):
        return ["--subscribe-url", f"ws://127.0.0.1:{self.port}/sub?id={{{{user}}}}"]

    def publishing(self):
        return ["--publish-url", f"http://127.0.0.1:{self.port}/pub?id={{{{user}}}}",
                "--content-type", "text/plain", "--body", "{{stamp}}{{padding}}"]
