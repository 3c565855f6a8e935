"""The servers that are compared: how each is configured, started, and spoken to.

Each is started on one core with a directory of its own that is thrown away behind it.
How carillon-loadgen speaks to it is written in its templates; what a protocol has to
know about lengths can be said beforehand, because user ids, stamps and padding have
fixed lengths.
"""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

USER_BYTES = 36  # a UUID
STAMP_BYTES = 59  # of carillon-loadgen
DEADLINE_S = 20


class Missing(Exception):
    """A program that is needed is not installed or not built."""


def find_program(name, hint):
    # Debian puts servers where the PATH of a user does not lead.
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    if not found:
        raise Missing(f"{name} is missing; {hint}")
    return found


def debian(name):
    return find_program(name, "tools/dev/install_packages.sh dev installs it")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def hexed(*parts):
    """Bytes as a template's placeholder; what is text already stays as it is."""
    return "".join(part if isinstance(part, str) else "{{hex:%s}}" % part.hex() for part in parts)


class Server:
    """A server that runs while the `with` lasts."""

    name = ""
    note = ""  # what one must know to compare its figures
    payload_bytes = 200

    def __init__(self, core):
        self._core = core
        self._directory = None
        self._process = None
        self.port = None

    @classmethod
    def version(cls):
        raise NotImplementedError

    def command(self, directory):
        """The command line; may write files into `directory` first."""
        raise NotImplementedError

    def __enter__(self):
        self._directory = tempfile.mkdtemp(prefix=f"peers-{self.name.split()[0]}-")
        self.port = free_port()
        command = self.command(Path(self._directory))
        self._log = open(os.path.join(self._directory, "log"), "wb")
        try:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(self._core), *map(str, command)], stdin=subprocess.DEVNULL,
                stdout=self._log, stderr=subprocess.STDOUT)
            self._wait_until_it_listens()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                for pid in self.pids():
                    os.kill(pid, 9)
                self._process.wait(10)
        self._log.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _wait_until_it_listens(self):
        end = time.monotonic() + DEADLINE_S
        while self._process.poll() is None and time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        log = Path(self._directory, "log").read_text(errors="replace")
        raise RuntimeError(f"{self.name} does not listen; it said:\n{log[-2000:]}")

    def pids(self):
        """Its processes: the one that was started and that one's children."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def subscribing(self):
        """How carillon-loadgen subscribes."""
        raise NotImplementedError

    def publishing(self):
        """How carillon-loadgen publishes."""
        raise NotImplementedError


def output_of(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    return done.stdout.strip()


class Carillon(Server):
    name = "carillond"
    note = "validates each event; answers 201 when it is durable (RocksDB, fdatasync)"
    binary = None  # set by the caller

    @classmethod
    def version(cls):
        return output_of(cls.binary, "--version").split()[-1]

    def command(self, directory):
        return [self.binary, "--threads", 1, "--listen", f"127.0.0.1:{self.port}", "--data-dir",
                directory / "data", "--log-level", "warning"]

    def subscribing(self):
        return ["--url", f"http://127.0.0.1:{self.port}"]

    def publishing(self):
        return ["--url", f"http://127.0.0.1:{self.port}"]


NCHAN = """
load_module {module};
daemon off; user {user}; worker_processes 1; worker_rlimit_nofile {files};
pid {directory}/pid; error_log {directory}/error.log warn;
events {{ worker_connections {connections}; use epoll; }}
http {{
  access_log off; keepalive_requests 1000000000; tcp_nodelay on;
  client_body_temp_path {directory}/b; proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f;
  uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
  nchan_shared_memory_size 512m; nchan_message_timeout 1m; nchan_message_buffer_length 1000;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location = /sub {{ nchan_subscriber websocket eventsource; nchan_channel_id $arg_id; nchan_subscriber_first_message newest; }}
    location = /pub {{ nchan_publisher http; nchan_channel_id $arg_id; }}
  }}
}}
"""


class Nchan(Server):
    name = "nginx + nchan"
    note = "keeps the last 1,000 messages of a channel in memory; answers when they are there"
    module = "/usr/lib/nginx/modules/ngx_nchan_module.so"

    @classmethod
    def version(cls):
        if not os.path.exists(cls.module):
            raise Missing("libnginx-mod-nchan is missing; tools/dev/install_packages.sh dev installs it")
        nginx = re.search(r"nginx/([\d.]+)", output_of(debian("nginx"), "-v"))[1]
        nchan = output_of("dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan")
        return f"{nginx} + {nchan}"

    def command(self, directory):
        import pwd
        import resource
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        config = directory / "nginx.conf"
        config.write_text(NCHAN.format(
            module=self.module, user=pwd.getpwuid(os.geteuid()).pw_name, directory=directory,
            port=self.port, files=files, connections=min(files, 65536) - 64))
        return [debian("nginx"), "-p", directory, "-c", config]

    def subscribing(self):
        return ["--subscribe-url", f"ws://127.0.0.1:{self.port}/sub?id={{{{user}}}}"]

    def publishing(self):
        return ["--publish-url", f"http://127.0.0.1:{self.port}/pub?id={{{{user}}}}",
                "--content-type", "text/plain", "--body", "{{stamp}}{{padding}}"]


class Nats(Server):
    name = "nats-server"
    note = "publishes by its own protocol (PUB over WebSocket); +OK means received, nothing is stored"

    @classmethod
    def version(cls):
        return output_of(debian("nats-server"), "--version").split()[-1].lstrip("v")

    def command(self, directory):
        config = directory / "nats.conf"
        config.write_text(
            f"host: 127.0.0.1\nport: {free_port()}\nmax_connections: 65536\n"
            f"websocket {{ host: 127.0.0.1, port: {self.port}, no_tls: true, compression: false }}\n")
        return [debian("nats-server"), "-c", config]

    def _url(self):
        return f"ws://127.0.0.1:{self.port}/"

    def subscribing(self):
        end = b"\r\n"
        return ["--subscribe-url", self._url(), "--subscribe-message",
                hexed('CONNECT {"verbose":false,"pedantic":false}', end, "SUB u.{{user}} 1", end,
                      "PING", end), "--ready", "PONG"]

    def publishing(self):
        end = b"\r\n"
        bytes_ = STAMP_BYTES + self.payload_bytes
        return ["--publish-url", self._url(), "--publish-message",
                hexed('CONNECT {"verbose":true,"pedantic":false}', end, "PING", end),
                "--publish-ready", "PONG", "--answer", "+OK", "--body",
                hexed("PUB u.{{user}} %d" % bytes_, end, "{{stamp}}{{padding}}", end)]


def mqtt_length(count):
    """MQTT 3.1.1, section 2.2.3."""
    encoded = bytearray()
    while True:
        count, digit = divmod(count, 128)
        encoded.append(digit | (0x80 if count else 0))
        if not count:
            return bytes(encoded)


class Mosquitto(Server):
    name = "mosquitto"
    note = "publishes by MQTT over WebSocket, QoS 1 (acknowledged, not durable); subscribes with QoS 0"

    @classmethod
    def version(cls):
        return re.search(r"version ([\d.]+)", output_of(debian("mosquitto"), "-h"))[1]

    def command(self, directory):
        config = directory / "mosquitto.conf"
        config.write_text(
            # Without a listener of its own protocol it does not start. Without
            # socket_domain a WebSocket listener hears other machines, too.
            f"listener {free_port()} 127.0.0.1\n"
            f"listener {self.port} 127.0.0.1\nprotocol websockets\nsocket_domain ipv4\n"
            f"allow_anonymous true\n"
            f"persistence false\nset_tcp_nodelay true\nlog_dest stderr\nlog_type error\n"
            f"max_queued_messages 0\nmax_queued_bytes 0\n" +
            ("user root\n" if os.geteuid() == 0 else ""))
        return [debian("mosquitto"), "-c", config]

    def _connecting(self):
        # Clean session, no keep-alive, the server chooses the client id.
        connect = b"\x00\x04MQTT\x04\x02\x00\x00\x00\x00"
        return ["--subprotocol", "mqtt", "--binary"], b"\x10" + mqtt_length(len(connect)) + connect

    def subscribing(self):
        flags, connect = self._connecting()
        length = mqtt_length(2 + 2 + USER_BYTES + 1)
        return ["--subscribe-url", f"ws://127.0.0.1:{self.port}/", *flags,
                "--subscribe-message", hexed(connect), "--subscribe-message",
                hexed(b"\x82" + length + b"\x00\x01" + USER_BYTES.to_bytes(2, "big"), "{{user}}",
                      b"\x00"), "--ready", hexed(b"\x90\x03\x00\x01\x00")]

    def publishing(self):
        flags, connect = self._connecting()
        length = mqtt_length(2 + USER_BYTES + 2 + STAMP_BYTES + self.payload_bytes)
        # The packet's id may be the same each time: one at a time is in flight.
        return ["--publish-url", f"ws://127.0.0.1:{self.port}/", *flags,
                "--publish-message", hexed(connect), "--publish-ready", hexed(b"\x20\x02\x00\x00"),
                "--answer", hexed(b"\x40\x02\x00\x01"), "--body",
                hexed(b"\x32" + length + USER_BYTES.to_bytes(2, "big"), "{{user}}", b"\x00\x01",
                      "{{stamp}}{{padding}}")]


ALL = (Carillon, Nchan, Nats, Mosquitto)
