"""What a connection costs while nothing happens on it.

Goal: an idle connection takes at most 1.5 KB of the server's memory: a WebSocket, of
one user with all others or of a user of its own; SSE; and HTTP kept alive behind an answer of several KB.
Method: anonymous memory that 12,000 of them add to a server that has seen some already;
without the kernel's buffers. Each case has a server of its own, because freed memory is
not seen to be free.
"""

import os
import resource
import unittest
import uuid

from carillond import IntegrationTest

CONNECTIONS = 12_000
BYTES_MAX = 1_536

LIST = "GET /api/events/list?user={user} HTTP/1.1\r\nHost: x\r\n\r\n"
WEBSOCKET = ("GET /api/events/subscribe?user={user} HTTP/1.1\r\nHost: x\r\n"
             "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Protocol: carillon.v1\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
SSE = ("GET /api/events/subscribe?user={user} HTTP/1.1\r\nHost: x\r\n"
       "Accept: text/event-stream\r\n\r\n")
ONE_USER = uuid.UUID(int=1)


def anonymous_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return sum(int(line.split()[1]) * 1024 for line in status
                   if line.startswith(("RssAnon:", "RssShmem:")))


@unittest.skipIf(os.environ.get("LOAD_DIVISOR", "1") != "1", "a sanitizer's memory is its own")
class IdleMemoryTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limits[1] < CONNECTIONS + 500:
            self.skipTest(f"only {limits[1]} descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)

    def measure(self, hello, users, answered, prepare=lambda server: None):
        server = self.start("--store", "memory:", "--threads", "1")
        prepare(server)

        def connect():
            connection = server.socket()
            self.addCleanup(connection.close)
            connection.sendall(hello(users()))
            received = b""
            while answered not in received:
                chunk = connection.recv(1 << 16)
                self.assertNotEqual(chunk, b"", received)
                received += chunk

        for _ in range(100):
            connect()
        before = anonymous_bytes(server.process.pid)
        for _ in range(CONNECTIONS):
            connect()
        each = (anonymous_bytes(server.process.pid) - before) / CONNECTIONS
        print(f"{self.id().rpartition('.')[2]}: {each:.0f} bytes")
        self.assertLess(each, BYTES_MAX)

    def test_websockets_of_one_user(self):
        self.measure(lambda user: WEBSOCKET.format(user=user).encode(), lambda: ONE_USER,
                     b'"welcome"')

    def test_websockets_of_a_user_each(self):
        self.measure(lambda user: WEBSOCKET.format(user=user).encode(), uuid.uuid4, b'"welcome"')

    def test_event_streams_of_one_user(self):
        self.measure(lambda user: SSE.format(user=user).encode(), lambda: ONE_USER,
                     b"event: welcome")

    # A list, as a publish would add its event to the store's memory.
    def test_http_kept_alive_behind_a_long_answer(self):
        self.measure(lambda user: LIST.format(user=user).encode(), lambda: ONE_USER,
                     b'"cursor":"', prepare=lambda server: [
                         server.publish(user=str(ONE_USER), description="x" * 300)
                         for _ in range(10)])


if __name__ == "__main__":
    unittest.main()
