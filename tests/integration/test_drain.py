"""SIGTERM: answers what is in flight, commits, says goodbye, and ends with 0."""

import asyncio
import json
import signal
import unittest

import websockets

from carillond import (DEADLINE_S, IntegrationTest, RawHttp, SseStream, event, new_user,
                       post_bytes, query)
from load import BackgroundLoad


class DrainTest(IntegrationTest):
    def test_under_load_nothing_acknowledged_is_lost_and_no_answer_is_torn(self):
        server = self.start()
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
        server = self.start()
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
        asyncio.run(self.say_goodbye(self.start()))

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
        server = self.start()
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
