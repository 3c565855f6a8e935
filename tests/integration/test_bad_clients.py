"""Clients that stop in the middle, never read, or vanish; the others must not notice."""

import asyncio
import json
import socket
import struct
import unittest

import websockets

from carillond import DEADLINE_S, IntegrationTest, RawHttp, SseStream, event, new_user, post_bytes

UPGRADE = ("GET /api/events/subscribe?user={user} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
           "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


class BadClientsTest(IntegrationTest):
    def test_half_a_request_times_out_with_an_answer(self):
        server = self.start("--request-timeout", "200ms")
        whole = post_bytes(event())
        for part in (b"POST /api", whole[:-20]):
            with self.subTest(part=part), RawHttp(server) as raw:
                raw.send(part)
                self.assert_refusal(raw.read_answer(), 408, "request_timeout")
                self.assertTrue(raw.at_end())

    def test_a_silent_connection_is_closed_without_a_word(self):
        server = self.start("--idle-timeout", "3s", "--request-timeout", "30s")
        with RawHttp(server) as raw:
            raw.send(post_bytes(event()))
            self.assertEqual(raw.read_answer().status, 201)
            self.assertTrue(raw.at_end())

    def test_a_subscriber_that_never_reads_is_closed_and_hurts_nobody(self):
        server = self.start("--max-session-backlog-bytes", "64KiB", "--write-timeout", "60s",
                            "--close-timeout", "60s")  # it reads behind all that is published
        user = new_user()
        good = self.use(SseStream(server, user=user)).started()
        stuck = server.socket()
        self.addCleanup(stuck.close)
        stuck.sendall(UPGRADE.format(user=user).encode())

        # 18 MB: far more than the backlog and what the kernel buffers for a socket.
        sequences = []
        with RawHttp(server) as publisher:
            for _ in range(300):
                publisher.send(post_bytes(event(metadata={"filler": "y" * 60_000}), user))
                self.assertEqual(publisher.read_answer().status, 201)
                sequences.append(good.next()["sequence"])

        self.assertEqual(sequences, sorted(set(sequences)))
        self.assertEqual(last_close_code(stuck), 1013)

    def test_a_client_that_answers_nothing_is_dropped_after_the_write_timeout(self):
        server = self.start("--write-timeout", "300ms", "--max-session-backlog-bytes", "16MiB")
        user = new_user()
        stuck = server.socket()
        self.addCleanup(stuck.close)
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(UPGRADE.format(user=user).encode())
        with RawHttp(server) as publisher:
            for _ in range(200):
                publisher.send(post_bytes(event(metadata={"filler": "y" * 60_000}), user))
                self.assertEqual(publisher.read_answer().status, 201)
        self.wait_for_metric(server, "carillon_sessions", 0)

    def test_clients_that_vanish_leave_nothing_behind(self):
        server = self.start()
        user = new_user()
        for round_ in range(50):
            stream = SseStream(server, user=user).started()
            if round_ % 2:  # RST instead of FIN
                stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                         struct.pack("ii", 1, 0))
            stream.close()
        with RawHttp(server) as raw:  # a publisher that does not wait for its answer
            raw.send(post_bytes(event(description="last words"), user))
        self.wait_for_metric(server, "carillon_subscriptions", 0)
        stream = self.use(SseStream(server, user=user)).started()
        published = server.publish(user)
        self.assertEqual(stream.next()["id"], published["id"])

    def test_wrong_websocket_messages_are_closed_with_their_code(self):
        server = self.start("--max-websocket-message-bytes", "1KiB")
        cases = {1009: ["x" * 2000], 1007: [RawText(b"\xff\xfe")], 1002: [RawFrame(b"\xf0\x80\0\0\0\0")]}
        for code, messages in cases.items():
            with self.subTest(code=code):
                self.assertEqual(asyncio.run(close_code_after(server, messages)), code)

    def test_a_message_that_makes_no_sense_is_answered_not_fatal(self):
        asyncio.run(self.send_nonsense(self.start()))

    async def send_nonsense(self, server):
        url = f"ws://127.0.0.1:{server.port}/api/events/subscribe"
        async with websockets.connect(url, subprotocols=["carillon.v1"]) as websocket:
            self.assertEqual((await receive(websocket))["type"], "welcome")
            for message in ("{", "[]", '{"type":"dance","ref":1}',
                            '{"type":"publish","ref":2,"event":{}}'):
                await websocket.send(message)
                self.assertEqual((await receive(websocket))["type"], "error", message)
            await websocket.send('{"type":"ping","ref":3}')
            self.assertEqual(await receive(websocket), {"type": "pong", "ref": 3})


class RawText(bytes):
    """The payload of a text frame, not checked on the way out."""


class RawFrame(bytes):
    """Bytes instead of a frame."""


async def receive(websocket):
    return json.loads(await asyncio.wait_for(websocket.recv(), DEADLINE_S))


async def close_code_after(server, messages):
    url = f"ws://127.0.0.1:{server.port}/api/events/subscribe"
    async with websockets.connect(url) as websocket:
        for message in messages:
            if isinstance(message, RawFrame):
                websocket.transport.write(message)
            elif isinstance(message, RawText):
                await websocket.write_frame(True, 1, bytes(message))
            else:
                await websocket.send(message)
        try:
            await asyncio.wait_for(websocket.recv(), DEADLINE_S)
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
    return None


def last_close_code(connection):
    """Reads up to the close frame and returns its code; None if there is none."""
    connection.settimeout(DEADLINE_S)
    with connection.makefile("rb") as stream:
        while stream.readline() not in (b"\r\n", b""):
            pass
        while head := stream.read(2):
            length = head[1]
            if length >= 126:
                length = int.from_bytes(stream.read(2 if length == 126 else 8), "big")
            payload = stream.read(length)
            if head[0] & 0x0F == 8:
                return int.from_bytes(payload[:2], "big")
    return None


if __name__ == "__main__":
    unittest.main(verbosity=2)
