"""2,000 WebSocket clients connect at once, and vanish at once.

Goal: those who were there before lose nothing and get nothing twice, and the server
forgets everybody who vanished.
Method: the clients are a process of their own, which is killed, so that the kernel ends
all their connections together. Meanwhile events are published to bystanders, who count.
"""

import multiprocessing
import os
import resource
import unittest

from carillond import IntegrationTest, new_user
from load import SEQUENCE

DIVISOR = int(os.environ.get("LOAD_DIVISOR", "1"))
CLIENTS = 2_000 // DIVISOR
BYSTANDERS = 10
EVENTS = 20  # published before, during and after

UPGRADE = ("GET /api/events/subscribe?user={user} HTTP/1.1\r\nHost: x\r\n"
           "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


def subscribe(server, user):
    connection = server.socket()
    connection.sendall(UPGRADE.format(user=user).encode())
    return connection


def read_head(connection):
    """What has come behind it, which is nothing before the first event, is lost."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(4096)
        if not more:
            raise ConnectionError(head.decode())
        head += more
    if not head.startswith(b"HTTP/1.1 101 "):
        raise ConnectionError(head.decode())


def storm(server, user, ready):
    """The clients' process: connects all, then holds them until it is killed."""
    connections = [subscribe(server, user) for _ in range(CLIENTS)]
    for connection in connections:
        read_head(connection)
    ready.send(len(connections))
    ready.recv()


class ConnectStormTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.assertGreater(hard, CLIENTS + 100, "too few descriptors for this test")

    def test_bystanders_lose_nothing_while_others_of_their_user_come_and_vanish(self):
        self.check(same_user=True)

    def test_bystanders_lose_nothing_while_another_users_come_and_vanish(self):
        self.check(same_user=False)

    def check(self, same_user):
        server = self.start("--ping-interval", "1h")
        user = new_user()
        ready, child_ready = multiprocessing.Pipe()
        # Forked first, so that it does not hold the bystanders' sockets.
        clients = multiprocessing.Process(
            target=storm, args=(server, user if same_user else new_user(), child_ready))
        bystanders = [subscribe(server, user) for _ in range(BYSTANDERS)]
        for bystander in bystanders:
            self.addCleanup(bystander.close)
            read_head(bystander)
        self.wait_for_metric(server, "carillon_subscriptions", BYSTANDERS)

        sequences = self.publish(server, user)
        clients.start()
        self.addCleanup(clients.kill)
        sequences += self.publish(server, user)
        self.assertTrue(ready.poll(60), "the clients did not get their 101")
        self.assertEqual(ready.recv(), CLIENTS)
        self.wait_for_metric(server, "carillon_subscriptions", BYSTANDERS + CLIENTS)
        clients.kill()
        sequences += self.publish(server, user)
        clients.join(60)
        self.wait_for_metric(server, "carillon_subscriptions", BYSTANDERS)
        sequences += self.publish(server, user)

        for bystander in bystanders:
            self.assertEqual(self.read(bystander, len(sequences)), sequences)

    def publish(self, server, user):
        return [server.publish(user=user)["sequence"] for _ in range(EVENTS)]

    def read(self, connection, count):
        """Sequences of so many frames, none of which is longer than 64 KiB."""
        with connection.makefile("rb") as stream:
            sequences = []
            while len(sequences) < count:
                length = stream.read(2)[1]
                if length == 126:
                    length = int.from_bytes(stream.read(2), "big")
                sequences.append(int(SEQUENCE.search(stream.read(length))[1]))
            return sequences


if __name__ == "__main__":
    unittest.main(verbosity=2)
