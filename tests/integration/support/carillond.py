"""Runs the server as a process, and speaks to it the way strangers do.

Nothing here sleeps: everything waits for a state (a line, an answer, an end) with
a deadline. Programs come from the environment: CARILLOND, CARILLON and LOADGEN.
"""

import base64
import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse
import uuid

DEADLINE_S = 30  # for what takes milliseconds; a loaded machine and sanitizers are slow
READY = re.compile(r"^listening on http://(.+):(\d+)$")


def program(variable):
    path = os.environ.get(variable)
    if not path or not os.access(path, os.X_OK):
        raise RuntimeError(f"set {variable} to the program's path (ctest does)")
    return path


def clean_environment(extra=None):
    """Without what configures a server or a client of whoever runs the tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("CARILLON_")}
    return {**own, **(extra or {})}


def own_address():
    """An address of this machine that nobody else has, with any port.

    Where a test comes back to a port, or expects that nobody answers there: a port of
    127.0.0.1 that a server has left belongs to whoever connects or listens next.
    """
    return "127.{}.{}.{}:0".format(*(random.randrange(1, 255) for _ in range(3)))


class Lines:
    """The lines of a pipe, read by a thread of its own; waits for one of them."""

    def __init__(self, pipe):
        self._condition = threading.Condition()
        self._lines = []
        self._ended = False
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe):
        with pipe:
            for line in pipe:
                with self._condition:
                    self._lines.append(line.rstrip("\n"))
                    self._condition.notify_all()
        with self._condition:
            self._ended = True
            self._condition.notify_all()

    def wait_for(self, pattern, deadline_s=DEADLINE_S):
        """The match of the first line that `pattern` matches; None if the pipe ends before."""
        pattern = re.compile(pattern)

        def find():
            matches = (pattern.search(line) for line in self._lines)
            return next((match for match in matches if match), None)

        with self._condition:
            done = self._condition.wait_for(lambda: find() or self._ended, deadline_s)
            if not done:
                raise TimeoutError(f"no line like {pattern.pattern!r} within {deadline_s} s; "
                                   f"there are: {self._lines}")
            return find()

    def all(self):
        """Every line, once the pipe has ended."""
        self._thread.join(DEADLINE_S)
        return list(self._lines)


class Server:
    """One carillond on a free port with its own data directory."""

    def __init__(self, *flags, data_dir, listen="127.0.0.1:0", environment=None,
                 descriptors=None):
        command = [program("CARILLOND"), "--data-dir", str(data_dir), *flags]
        if descriptors:
            command = ["prlimit", f"--nofile={descriptors}", "--", *command]
        if listen:
            command += ["--listen", listen]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, env=clean_environment(environment))
        self.stderr = Lines(self.process.stderr)
        ready = self.stderr.wait_for(READY)
        if ready is None:
            raise RuntimeError(f"carillond ended with {self.process.wait(DEADLINE_S)}: "
                               f"{self.stderr.all()}")
        self.host = ready[1]
        self.port = int(ready[2])
        self.url = f"http://{self.host}:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE_S)

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, deadline_s=DEADLINE_S):
        """SIGTERM; the exit code."""
        self.signal(signal.SIGTERM)
        return self.process.wait(deadline_s)

    def kill(self):
        """kill -9: no destructor runs, nothing is flushed."""
        self.process.kill()
        self.process.wait(DEADLINE_S)

    # One request on a connection of its own.
    def request(self, method, path, body=None, headers=None, user=None):
        with contextlib.closing(Connection(self)) as connection:
            return connection.request(method, path, body, headers, user)

    def get(self, path, **arguments):
        return self.request("GET", path, **arguments)

    def publish(self, user=None, **fields):
        answer = self.request("POST", "/api/events", event(**fields), user=user)
        assert answer.status == 201, answer
        return answer.json

    def socket(self):
        """A bare TCP connection."""
        connection = socket.create_connection((self.host.strip("[]"), self.port), DEADLINE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


def run(*arguments, variable="CARILLOND", stdin="", environment=None, deadline_s=DEADLINE_S):
    """Runs a program to its end."""
    return subprocess.run([program(variable), *map(str, arguments)], input=stdin, text=True,
                          capture_output=True, timeout=deadline_s,
                          env=clean_environment(environment))


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:500]!r}"


class Connection:
    """A keep-alive connection by Python's own HTTP client."""

    def __init__(self, server):
        self._http = http.client.HTTPConnection(server.host.strip("[]"), server.port,
                                                timeout=DEADLINE_S)

    def request(self, method, path, body=None, headers=None, user=None):
        headers = dict(headers or {})
        if user:
            headers["X-User-Id"] = str(user)
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, str):
            body = body.encode()
        self._http.request(method, path, body, headers)
        response = self._http.getresponse()
        return Answer(response.status, response.headers, response.read())

    def close(self):
        self._http.close()


def event(**fields):
    return {"category": "test", "action": "happen", "severity": "informational", **fields}


def query(path, **parameters):
    """`path` with parameters; lists are sent as Meshery's UI does, as JSON in one value."""
    flat = {name: json.dumps(value) if isinstance(value, list) else value
            for name, value in parameters.items()}
    return f"{path}?{urllib.parse.urlencode(flat)}"


def new_user():
    return str(uuid.uuid4())


def epoch_of(cursor):
    """The epoch inside a cursor: bytes 1 to 6 of its 24. Clients must not look; this test may."""
    return base64.urlsafe_b64decode(cursor)[1:7]


def metric(server, name):
    """The figure, summed over its labels."""
    lines = server.get("/metrics").body.decode().splitlines()
    values = [float(line.rsplit(" ", 1)[1]) for line in lines
              if line.split("{")[0].split(" ")[0] == name]
    assert values, f"there is no metric {name}"
    return sum(values)


class RawHttp:
    """HTTP over a bare socket: sends what it is told, however wrong, and reads answers."""

    def __init__(self, server):
        self.socket = server.socket()
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _receive(self):
        chunk = self.socket.recv(65536)
        self._buffer += chunk
        return bool(chunk)

    def read_answer(self):
        """One answer, or None if the server closed the connection before it began."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._receive():
                if self._buffer:
                    raise ConnectionError(f"cut off within a head: {self._buffer!r}")
                return None
        head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        status_line, *fields = head.decode("latin-1").split("\r\n")
        headers = http.client.HTTPMessage()
        for field in fields:
            name, value = field.split(":", 1)
            headers[name] = value.strip()
        length = int(headers.get("Content-Length", 0))
        while len(self._buffer) < length:
            if not self._receive():
                raise ConnectionError("cut off within a body")
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Answer(int(status_line.split()[1]), headers, body)

    def at_end(self):
        """Waits until the server closes; True if it sent nothing more."""
        try:
            while self._receive():
                pass
        except ConnectionResetError:
            pass
        return not self._buffer


def post_bytes(body, user=None, path="/api/events", extra=""):
    """A whole POST request, for raw connections."""
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    who = f"X-User-Id: {user}\r\n" if user else ""
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{who}{extra}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


class SseStream:
    """A `text/event-stream` read over a bare socket."""

    def __init__(self, server, path="/api/events/subscribe", user=None, headers=""):
        self.socket = server.socket()
        who = f"X-User-Id: {user}\r\n" if user else ""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
                            f"{who}{headers}\r\n".encode())
        self._file = self.socket.makefile("r", encoding="utf-8", newline="\n")
        self.status = int(self._file.readline().split()[1])
        self.headers = http.client.HTTPMessage()
        while line := self._file.readline().rstrip("\r\n"):
            name, value = line.split(":", 1)
            self.headers[name] = value.strip()
        self._chunked = self.headers.get("Transfer-Encoding") == "chunked"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._file.close()
        self.socket.close()

    def next_block(self):
        """The fields of the next block, as a dict; comments under ""; None at the end."""
        fields = {}
        while True:
            line = self._file.readline()
            if not line:
                return None
            line = line.rstrip("\n")
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
            elif fields:
                return fields

    def next(self, kind=None):
        """The next event of this kind (None: an unnamed one, which is an event of the user)."""
        while (block := self.next_block()) is not None:
            if "data" in block and block.get("event") == kind:
                return json.loads(block["data"])
        return None

    def started(self):
        """Waits for the welcome: what is published after it is received."""
        assert self.status == 200, self.status
        assert self.next("welcome") is not None
        return self


class IntegrationTest(unittest.TestCase):
    """A test with a directory of its own that is removed behind it."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="carillon-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.data_dir = os.path.join(self.directory, "data")

    def start(self, *flags, **arguments):
        """A server that ends with the test at the latest."""
        arguments.setdefault("data_dir", self.data_dir)
        return self.use(Server(*flags, **arguments))

    def use(self, context):
        """Enters the context for the rest of the test."""
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def assert_refusal(self, answer, status, code=None):
        """An answer of the error envelope."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/json; charset=utf-8")
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        envelope = answer.json
        self.assertIsInstance(envelope["error"], str)
        self.assertRegex(envelope["code"], r"^[a-z0-9]+(_[a-z0-9]+)*$")
        if code:
            self.assertEqual(envelope["code"], code)
        return envelope

    def wait_for_metric(self, server, name, value, deadline_s=DEADLINE_S):
        """Asks until the figure is there: the server has no other sign of it."""
        end = time.monotonic() + deadline_s
        while (current := metric(server, name)) != value:
            self.assertLess(time.monotonic(), end, f"{name} is still {current}, not {value}")
