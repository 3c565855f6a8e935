"""Live streams as strangers' clients see them: WebSocket with and without the
subprotocol (python3-websockets), and SSE."""

import asyncio
import json
import unittest

import websockets

from carillond import DEADLINE_S, IntegrationTest, RawHttp, SseStream, event, new_user, post_bytes


async def receive(websocket):
    return json.loads(await asyncio.wait_for(websocket.recv(), DEADLINE_S))


class SubscribeTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.server = self.start("--store", "memory:")
        self.user = new_user()

    def websocket(self, query="", **options):
        url = f"ws://127.0.0.1:{self.server.port}/api/system/events/subscribe?user={self.user}"
        return websockets.connect(url + query, **options)

    def test_what_is_published_after_the_handshake_is_heard(self):
        asyncio.run(self.hear_at_once())

    # A client of the plain form gets no welcome, so its 101 must mean "subscribed".
    async def hear_at_once(self):
        with RawHttp(self.server) as publisher:
            for _ in range(100):
                async with self.websocket() as websocket:
                    publisher.send(post_bytes(event(), self.user))
                    published = publisher.read_answer().json
                    self.assertEqual((await receive(websocket))["id"], published["id"])

    def test_every_form_of_a_frame(self):
        asyncio.run(self.compare_forms())

    async def compare_forms(self):
        with SseStream(self.server, user=self.user) as sse:
            self.assertEqual(sse.headers["Content-Type"], "text/event-stream")
            self.assertEqual(sse.headers["Cache-Control"], "no-cache")
            self.assertEqual(sse.headers["X-Accel-Buffering"], "no")
            welcome = sse.next_block()
            self.assertEqual((welcome["event"], welcome["retry"]), ("welcome", "2000"))
            self.assertEqual(welcome["id"], json.loads(welcome["data"])["cursor"])
            async with self.websocket() as plain, \
                       self.websocket(subprotocols=["carillon.v1"]) as v1:
                self.assertEqual(v1.subprotocol, "carillon.v1")
                hello = await receive(v1)
                self.assertEqual(set(hello), {"type", "cursor", "session", "epoch"})

                published = self.server.publish(self.user, description="naïve \u2028 \x00")
                cursors = set()
                by_plain = await receive(plain)
                cursors.add(by_plain.pop("cursor"))
                by_v1 = await receive(v1)
                cursors.add(by_v1.pop("cursor"))
                block = sse.next_block()
                cursors.add(block["id"])
        self.assertEqual(by_plain, published)
        self.assertEqual(by_v1, {"type": "event", "event": published})
        self.assertEqual(json.loads(block["data"]), published)
        self.assertEqual(len(cursors), 1, "the same place has the same cursor everywhere")

    def test_filters_are_the_lists_filters(self):
        query = "?severity=%5B%22error%22%5D&category=test"
        with SseStream(self.server, "/api/events/subscribe" + query, user=self.user) as sse:
            sse.started()
            self.server.publish(self.user, severity="informational")
            self.server.publish(self.user, category="other", severity="error",
                                metadata={"error": 1})
            wanted = self.server.publish(self.user, severity="ERROR", metadata={"err": 1})
            self.assertEqual(sse.next()["id"], wanted["id"])

    def test_nobody_hears_another_users_events(self):
        with SseStream(self.server, user=self.user) as mine, \
                SseStream(self.server, user=new_user()) as foreign:
            mine.started()
            foreign.started()
            published = self.server.publish(self.user)
            everyone = self.server.publish(self.user, audience="everyone")
            self.assertEqual(mine.next()["id"], published["id"])
            self.assertEqual(mine.next()["id"], everyone["id"])
            self.assertEqual(foreign.next()["id"], everyone["id"])

    def test_a_stream_of_events_is_also_what_the_accept_header_asks_for(self):
        with SseStream(self.server, "/api/events", user=self.user) as sse:
            sse.started()
            published = self.server.publish(self.user)
            self.assertEqual(sse.next()["id"], published["id"])

    def test_keepalives_come_while_nothing_happens(self):
        server = self.start("--keepalive-interval", "50ms", "--ping-interval", "1s",
                            data_dir=self.data_dir + "2")
        with SseStream(server) as sse:
            sse.started()
            self.assertEqual(sse.next_block(), {"": "keepalive"})
        asyncio.run(self.answer_pings(server))

    async def answer_pings(self, server):
        url = f"ws://127.0.0.1:{server.port}/api/events/subscribe"
        async with websockets.connect(url, ping_interval=None) as websocket:
            # Longer than two unanswered pings would be survived; time enough to answer each.
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(websocket.recv(), 4.5)
            published = server.publish()
            self.assertEqual((await receive(websocket))["id"], published["id"])

    def test_publishing_over_the_websocket_is_acknowledged(self):
        asyncio.run(self.publish_by_websocket())

    async def publish_by_websocket(self):
        async with self.websocket(subprotocols=["carillon.v1"]) as websocket:
            await receive(websocket)
            await websocket.send(json.dumps({"type": "publish", "ref": "a", "event": event()}))
            frames = [await receive(websocket), await receive(websocket)]
            by_type = {frame["type"]: frame for frame in frames}
            self.assertEqual(by_type["ack"]["ref"], "a")
            self.assertEqual(by_type["ack"]["id"], by_type["event"]["event"]["id"])

    def test_resuming_is_refused_as_long_as_it_is_not_there(self):
        cursor = self.server.get("/api/events/list", user=self.user).json["cursor"]
        answer = self.server.get(f"/api/events/subscribe?after={cursor}", user=self.user,
                                 headers={"Accept": "text/event-stream"})
        self.assert_refusal(answer, 400)


if __name__ == "__main__":
    unittest.main(verbosity=2)
