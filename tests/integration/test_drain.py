"""SIGTERM: answers what is in flight, commits, says goodbye, and ends with 0."""

import asyncio
import contextlib
import json
import signal
import socket
import threading
import time
import unittest

import websockets

from carillond import (DEADLINE_S, IntegrationTest, RawHttp, SseStream, event, metric, new_user,
                       post_bytes, query)
from load import BackgroundLoad

PATIENT = ("--drain-timeout", "60s")  # with a client on a slow machine


def narrow_connection(server):
    """One whose client takes little that it does not read: the rest waits at the server."""
    raw = RawHttp.__new__(RawHttp)
    raw._buffer = b""
    raw.socket = socket.socket()
    raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    raw.socket.settimeout(DEADLINE_S)
    raw.socket.connect((server.host, server.port))
    return raw


class DrainTest(IntegrationTest):
    def test_who_sends_on_still_gets_every_answer_that_was_given_before(self):
        server = self.start(*PATIENT)
        user = new_user()
        with narrow_connection(server) as raw:
            raw.send(post_bytes(event(), user) * 120)
            self.wait_for_metric(server, "carillon_sequenced_total", 120)
            server.signal(signal.SIGTERM)
            self.assertTrue(server.stderr.wait_for("draining"))
            raw.send(post_bytes(event(), user))  # it can't know yet

            for _ in range(120):
                self.assertEqual(raw.read_answer().status, 201)
            # The last one may have come before the drain, or in the middle of it.
            if not raw.at_end():
                self.assertIn(raw.read_answer().status, (201, 503))
                self.assertTrue(raw.at_end())
        self.assertEqual(server.process.wait(DEADLINE_S), 0)

    def test_a_stream_whose_results_are_read_late_ends_with_the_line_that_says_why(self):
        server = self.start(*PATIENT)
        lines = (json.dumps(event()) + "\n").encode() * 500
        with narrow_connection(server) as raw:
            raw.send(b"POST /api/events/batch HTTP/1.1\r\nHost: x\r\n"
                     b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n")

            def send_on():
                with contextlib.suppress(OSError):
                    while True:
                        raw.send(b"%x\r\n%b\r\n" % (len(lines), lines))

            sender = threading.Thread(target=send_on)
            sender.start()
            end = time.monotonic() + DEADLINE_S
            while metric(server, "carillon_sequenced_total") < 5_000:
                self.assertLess(time.monotonic(), end, "the stream stands still")
            server.signal(signal.SIGTERM)
            self.assertTrue(server.stderr.wait_for("draining"))
            answer = b""
            while not answer.endswith(b"0\r\n\r\n"):
                piece = raw.socket.recv(4096)
                self.assertTrue(piece, "the answer did not end")
                answer += piece
        sender.join(DEADLINE_S)
        results = [json.loads(line) for line in answer.split(b"\r\n\r\n", 1)[1].splitlines()
                   if line.startswith(b"{")]
        self.assertEqual(results[-1]["code"], "draining")
        self.assertEqual(results[-1]["line"], len(results))
        self.assertEqual(server.process.wait(DEADLINE_S), 0)

    def test_what_lies_in_the_sockets_at_the_signal_is_answered(self):
        # Requests that came before and are not read yet: the process is held up meanwhile.
        server = self.start("--threads", "1", *PATIENT)
        clients = [self.use(RawHttp(server)) for _ in range(10)]
        for raw in clients:
            raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(raw.read_answer().status, 200)
        server.signal(signal.SIGSTOP)
        for raw in clients:
            raw.send(post_bytes(event(description="d" * 4_000), new_user()) * 60)
        server.signal(signal.SIGTERM)
        server.signal(signal.SIGCONT)

        for raw in clients:
            statuses = []
            while answer := raw.read_answer():
                statuses.append(answer.status)
            self.assertEqual(statuses, [201] * 60)
        for raw in clients:
            raw.socket.close()
        self.assertEqual(server.process.wait(DEADLINE_S), 0)

    def test_under_load_nothing_acknowledged_is_lost_and_no_answer_is_torn(self):
        server = self.start(*PATIENT)
        users = [new_user() for _ in range(4)]
        with BackgroundLoad(server, connections=8, window=16, users=users) as load:
            load.wait_until_sent(2_000)
            self.assertEqual(server.stop(), 0)

        for publisher in load.publishers:
            self.assertFalse(publisher.cut_off, "an answer was cut off")
            self.assertLessEqual(set(publisher.refused), {503})
        again = self.start()
        for user in users:
            page = again.get(query("/api/events/list", pagesize="all"), user=user).json
            listed = {listed["id"] for listed in page["data"]}
            acknowledged = {event.id for event in load.acknowledged() if event.owner == user}
            self.assertLessEqual(acknowledged, listed)

    def test_a_request_that_was_begun_before_is_answered(self):
        server = self.start(*PATIENT)
        with RawHttp(server) as raw:
            whole = post_bytes(event(), new_user())
            raw.send(whole)
            self.assertEqual(raw.read_answer().status, 201)
            raw.send(whole[:-1])
            server.signal(signal.SIGTERM)
            self.assertTrue(server.stderr.wait_for("draining"))
            raw.send(whole[-1:])
            self.assertIn(raw.read_answer().status, (201, 503))
            self.assertTrue(raw.at_end())
        self.assertEqual(server.process.wait(DEADLINE_S), 0)

    def test_subscribers_are_told_goodbye(self):
        asyncio.run(self.say_goodbye(self.start(*PATIENT)))

    async def say_goodbye(self, server):
        url = f"ws://127.0.0.1:{server.port}/api/events/subscribe"
        with SseStream(server) as sse:
            sse.started()
            async with websockets.connect(url) as plain, \
                       websockets.connect(url, subprotocols=["carillon.v1"]) as v1:
                await asyncio.wait_for(v1.recv(), DEADLINE_S)
                server.signal(signal.SIGTERM)

                goodbye = json.loads(await asyncio.wait_for(v1.recv(), DEADLINE_S))
                self.assertEqual((goodbye["type"], goodbye["reason"]), ("goodbye", "draining"))
                self.assertEqual(len(goodbye["cursor"]), 32)
                self.assertGreater(goodbye["retryAfterMs"], 0)
                for websocket in (plain, v1):
                    with self.assertRaises(websockets.ConnectionClosed) as caught:
                        await asyncio.wait_for(websocket.recv(), DEADLINE_S)
                    self.assertEqual(caught.exception.rcvd.code, 1001)
            self.assertEqual(sse.next("goodbye")["reason"], "draining")
            self.assertIsNone(sse.next_block(), "the stream did not end")
        self.assertEqual(server.process.wait(DEADLINE_S), 0)

    def test_sigint_drains_too(self):
        server = self.start(*PATIENT)
        server.signal(signal.SIGINT)

        self.assertEqual(server.process.wait(DEADLINE_S), 0)

    def test_a_subscriber_that_does_not_close_holds_it_up_for_the_timeout_only(self):
        server = self.start("--drain-timeout", "300ms", "--close-timeout", "60s")
        stuck = server.socket()
        self.addCleanup(stuck.close)
        stuck.sendall(b"GET /api/events/subscribe HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                      b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                      b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        self.assertIn(b" 101 ", stuck.recv(4096))

        self.assertEqual(server.stop(), 0)

    def test_a_second_signal_ends_it_at_once(self):
        server = self.start("--drain-timeout", "1h", "--close-timeout", "1h")
        with SseStream(server) as sse:
            sse.started()
            server.signal(signal.SIGTERM)
            self.assertTrue(server.stderr.wait_for("draining"))
            server.signal(signal.SIGTERM)

            self.assertEqual(server.process.wait(DEADLINE_S), -signal.SIGTERM)


if __name__ == "__main__":
    unittest.main(verbosity=2)
