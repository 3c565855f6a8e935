"""10,000 subscribers of 1,000 users hear 100,000 events of 8 publishing connections.

Goal: each subscriber receives exactly its own user's events, in ascending sequence,
none missing, none twice.
Method: the sequences that each subscriber read, in the order of reading, are compared
with those that the publishers were told in their 201. WebSocket with and without the
subprotocol, and SSE; one process reads, another publishes.
"""

import multiprocessing
import os
import resource
import select
import time
import unittest
import uuid

from carillond import IntegrationTest, post_bytes
from load import SEQUENCE, Publisher, publish_all

# A sanitizer's build is an order of magnitude slower; it gets a tenth of the load.
DIVISOR = int(os.environ.get("LOAD_DIVISOR", "1"))
USERS = 1_000 // DIVISOR
SUBSCRIBERS = 10 * USERS
EVENTS = 100 * USERS
CONNECTIONS = 8
WINDOW = 64
DEADLINE_S = 150

WEBSOCKET = ("GET /api/events/subscribe?user={user} HTTP/1.1\r\nHost: x\r\n"
             "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n")
SSE = ("GET /api/events/subscribe?user={user} HTTP/1.1\r\nHost: x\r\n"
       "Accept: text/event-stream\r\n\r\n")


class Subscriber:
    """One connection: takes bytes, keeps the sequences of the events in them."""

    __slots__ = ("socket", "user", "sequences", "foreign", "_mark", "_buffer", "_begun", "_frames")

    def __init__(self, server, user, number):
        self.user = user
        self.sequences = []
        self.foreign = 0  # events that are not this user's
        self._mark = f'"owner":"{user}"'.encode()
        self._buffer = b""
        self._begun = False
        self._frames = self._websocket_frames if number % 10 else self._sse_blocks
        self.socket = server.socket()
        protocol = "Sec-WebSocket-Protocol: carillon.v1\r\n" if number % 2 else ""
        hello = (WEBSOCKET if number % 10 else SSE).format(user=user, protocol=protocol)
        self.socket.sendall(hello.encode())
        self.socket.setblocking(False)

    def receive(self):
        """Reads what is there; returns how many events it was."""
        chunk = self.socket.recv(1 << 18)
        if not chunk:
            raise ConnectionError(f"a stream ended after {len(self.sequences)} events")
        self._buffer += chunk
        if not self._begun:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return 0
            if self._buffer[9:12] not in (b"101", b"200"):
                raise ConnectionError(self._buffer[:end].decode())
            self._buffer = self._buffer[end + 4:]
            self._begun = True
        before = len(self.sequences)
        for frame in self._frames():
            sequence = SEQUENCE.search(frame)
            if sequence is None:
                continue  # welcome, ping
            self.sequences.append(int(sequence[1]))
            self.foreign += self._mark not in frame
        return len(self.sequences) - before

    def _websocket_frames(self):
        data, at = self._buffer, 0
        while len(data) - at >= 4:
            length, body = data[at + 1], at + 2
            if length == 126:
                length, body = int.from_bytes(data[at + 2:at + 4], "big"), at + 4
            if body + length > len(data):
                break
            yield data[body:body + length]
            at = body + length
        self._buffer = data[at:]

    def _sse_blocks(self):
        *blocks, self._buffer = self._buffer.split(b"\n\n")
        return blocks


def publish(server, users, begin, result):
    """The publishing process: waits for the word, publishes, tells what it was told."""
    begin.recv()

    def requests(number):
        for index in range(number, EVENTS, CONNECTIONS):
            # A stride, so that every user is published for on every connection.
            user = users[(index // CONNECTIONS + 7 * index) % USERS]
            yield post_bytes({"category": "load", "action": "publish",
                              "severity": "informational", "description": f"event {index}",
                              "metadata": {"padding": "x" * 100}}, user)

    publishers = [Publisher(server, requests(number), WINDOW) for number in range(CONNECTIONS)]
    began = time.monotonic()
    publish_all(publishers)
    sequences = {user: [] for user in users}
    for publisher in publishers:
        for event in publisher.acknowledged:
            sequences[event.owner].append(event.sequence)
    result.send((sequences, [status for publisher in publishers for status in publisher.refused],
                 time.monotonic() - began))


class ManySubscribersTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.assertGreater(hard, SUBSCRIBERS + 100, "too few descriptors for this test")

    def test_everybody_hears_exactly_its_own_users_events_in_order(self):
        # The reader does not answer pings, and a loaded machine may take long.
        server = self.start("--ping-interval", "1h")
        users = [str(uuid.uuid4()) for _ in range(USERS)]
        # Forked before the subscribers connect, so that it does not hold their sockets.
        begin, child_begin = multiprocessing.Pipe()
        result, child_result = multiprocessing.Pipe()
        publishing = multiprocessing.Process(target=publish,
                                             args=(server, users, child_begin, child_result))
        publishing.start()
        self.addCleanup(publishing.join)
        self.addCleanup(publishing.kill)

        began = time.monotonic()
        subscribers = self.subscribe(server, users)
        print(f"{SUBSCRIBERS} subscribed in {time.monotonic() - began:.1f} s")
        begin.send("now")
        began = time.monotonic()
        self.read(subscribers, EVENTS * (SUBSCRIBERS // USERS))
        print(f"{EVENTS * 10} deliveries in {time.monotonic() - began:.1f} s")
        sequences, refused, seconds = result.recv()
        print(f"{EVENTS} events published in {seconds:.1f} s")

        self.assertEqual(refused, [])
        self.assertEqual(sum(map(len, sequences.values())), EVENTS)
        for subscriber in subscribers:
            self.assertEqual(subscriber.sequences, sorted(sequences[subscriber.user]))
            self.assertEqual(subscriber.foreign, 0)

    def subscribe(self, server, users):
        subscribers = []
        for number in range(SUBSCRIBERS):
            subscriber = Subscriber(server, users[number // 10], number)
            self.addCleanup(subscriber.socket.close)
            subscribers.append(subscriber)
        self.wait_for_metric(server, "carillon_subscriptions", SUBSCRIBERS)
        return subscribers

    def read(self, subscribers, expected):
        end = time.monotonic() + DEADLINE_S
        by_descriptor = {subscriber.socket.fileno(): subscriber for subscriber in subscribers}
        received = 0
        with select.epoll() as poll:
            for descriptor in by_descriptor:
                poll.register(descriptor, select.EPOLLIN)
            while received < expected:
                ready = poll.poll(max(0.0, end - time.monotonic()))
                self.assertTrue(ready, f"{expected - received} deliveries are missing")
                for descriptor, _ in ready:
                    received += by_descriptor[descriptor].receive()
            # A moment in which nothing may come: a duplicate would.
            for descriptor, _ in poll.poll(0.2):
                by_descriptor[descriptor].receive()


if __name__ == "__main__":
    unittest.main(verbosity=2)
