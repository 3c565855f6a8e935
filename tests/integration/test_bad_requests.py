"""What the server answers to requests that are wrong, and that it goes on afterwards."""

import json
import unittest

from carillond import Connection, IntegrationTest, RawHttp, event, new_user, post_bytes

MAX_EVENT_BYTES = 8192
MAX_HEADER_BYTES = 2048


class BadRequestsTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.server = self.start("--max-event-bytes", str(MAX_EVENT_BYTES),
                                 "--max-header-bytes", str(MAX_HEADER_BYTES))
        self.connection = Connection(self.server)
        self.addCleanup(self.connection.close)

    def tearDown(self):
        # A bad request leaves a healthy keep-alive connection alone, and nothing in the inbox.
        self.assertEqual(self.connection.request("GET", "/api/events/list").json["totalCount"], 0)
        super().tearDown()

    def post(self, body, **arguments):
        arguments.setdefault("headers", {"Content-Type": "application/json"})
        return self.connection.request("POST", "/api/events", body, **arguments)

    def test_what_is_not_json_is_malformed(self):
        texts = ["", "{", "[]", "null", '{"category":}', '{"category":"a" "action":"b"}',
                 json.dumps(event()) + "x", "[" * 100, '{"a":' * 65 + "1" + "}" * 65]
        for text in texts:
            with self.subTest(text=text[:40]):
                self.assert_refusal(self.post(text), 400)

    def test_what_is_not_utf8_is_malformed(self):
        body = json.dumps(event(description="@")).encode().replace(b"@", b"\xff")

        self.assert_refusal(self.post(body), 400, "malformed_json")

    def test_all_faults_of_an_event_come_at_once(self):
        envelope = self.assert_refusal(
            self.post({"action": "No Snake", "severity": "loud", "metadata": []}),
            400, "invalid_event")

        fields = [detail["field"] for detail in envelope["details"]]
        self.assertCountEqual(fields, ["category", "action", "severity", "metadata"])
        for detail in envelope["details"]:
            self.assertTrue(detail["error"])

    def test_each_field_has_its_rule(self):
        wrong = [{"category": "a" * 501}, {"description": "x" * 5001},
                 {"actedUpon": "not-a-uuid"}, {"id": "1"}, {"owner": 7}, {"severity": "error"},
                 {"category": "a__b"}, {"action": ""}, {"metadata": "text"}]
        for fields in wrong:
            with self.subTest(fields=str(fields)[:60]):
                envelope = self.assert_refusal(self.post(event(**fields)), 400, "invalid_event")
                self.assertEqual(len(envelope["details"]), 1, envelope)

    def test_a_field_that_stands_twice_is_refused(self):
        text = json.dumps(event())[:-1] + ',"category":"other"}'

        self.assert_refusal(self.post(text), 400, "invalid_event")

    def test_another_content_type_is_not_supported(self):
        for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded"):
            with self.subTest(kind=kind):
                answer = self.post(json.dumps(event()), headers={"Content-Type": kind})
                self.assert_refusal(answer, 415, "unsupported_media_type")

    def test_a_body_over_the_limit_is_too_large(self):
        answer = self.server.request("POST", "/api/events",
                                     event(description="x" * MAX_EVENT_BYTES))

        self.assert_refusal(answer, 413, "body_too_large")

    def test_a_chunked_body_over_the_limit_is_too_large(self):
        with RawHttp(self.server) as raw:
            raw.send(b"POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n")
            raw.send(b"%x\r\n%s\r\n" % (MAX_EVENT_BYTES, b"x" * MAX_EVENT_BYTES))
            raw.send(b"1\r\nx\r\n0\r\n\r\n")
            self.assert_refusal(raw.read_answer(), 413, "body_too_large")

    def test_a_header_over_the_limit_is_too_large(self):
        answer = self.server.get("/healthz", headers={"X-Long": "x" * MAX_HEADER_BYTES})

        self.assert_refusal(answer, 431, "header_too_large")

    def test_an_unknown_route_is_not_found(self):
        for path in ("/", "/api", "/api/events/x/y", "/api/events/subscribe/", "/API/EVENTS"):
            with self.subTest(path=path):
                self.assert_refusal(self.connection.request("GET", path), 404, "not_found")

    def test_a_wrong_method_names_the_right_ones(self):
        for method, path, allowed in (("PUT", "/api/events", "POST"),
                                      ("POST", "/api/events/list", "GET"),
                                      ("DELETE", "/api/events/subscribe", "GET"),
                                      ("PATCH", "/api/system/events", "POST")):
            with self.subTest(method=method, path=path):
                answer = self.connection.request(method, path)
                self.assert_refusal(answer, 405, "method_not_allowed")
                self.assertIn(allowed, answer.headers["Allow"])

    def test_a_wrong_filter_is_never_a_wider_result(self):
        for query in ("severity=loud", "status=new", "from=yesterday", "actedUpon=1", "page=-1",
                      "pagesize=0", "sort=colour", "order=up", 'category=["a"', "after=xyz"):
            with self.subTest(query=query):
                path = "/api/events/list?" + query.replace('"', "%22").replace("[", "%5B")
                self.assert_refusal(self.connection.request("GET", path), 400)

    def test_a_wrong_filter_does_not_subscribe(self):
        answer = self.connection.request("GET", "/api/events/subscribe?severity=loud",
                                         headers={"Accept": "text/event-stream"})

        self.assert_refusal(answer, 400)

    def test_a_user_that_is_no_uuid_is_refused(self):
        self.assert_refusal(self.post(event(), user="root"), 400)

    def test_bulk_actions_check_their_body(self):
        for method, path, body in (("PUT", "/api/events/status", {"ids": ["x"], "status": "read"}),
                                   ("PUT", "/api/events/status", {"ids": [], "status": "old"}),
                                   ("PUT", "/api/events/status", {"status": "read"}),
                                   ("POST", "/api/events/delete", {}),
                                   ("POST", "/api/events/delete", [])):
            with self.subTest(path=path, body=body):
                answer = self.connection.request(method, path, body)
                self.assert_refusal(answer, 400)

    def test_broken_framing_ends_the_connection_with_an_answer(self):
        for request in (b"NONSENSE\r\n\r\n", b"GET /healthz HTTP/9.9\r\n\r\n",
                        b"POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Length: a\r\n\r\n",
                        b"POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                        b"Content-Length: 2\r\n\r\n"):
            with self.subTest(request=request), RawHttp(self.server) as raw:
                raw.send(request)
                answer = raw.read_answer()
                self.assert_refusal(answer, answer.status)
                self.assertIn(answer.status, (400, 505))
                self.assertTrue(raw.at_end())

    def test_a_wrong_websocket_handshake_is_refused_and_the_connection_goes_on(self):
        handshake = ("GET /api/events/subscribe HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: {}\r\n"
                     "Sec-WebSocket-Key: {}\r\n\r\n")
        for version, key, status in ((8, "dGhlIHNhbXBsZSBub25jZQ==", 426), (13, "short", 400)):
            with self.subTest(version=version, key=key), RawHttp(self.server) as raw:
                raw.send(handshake.format(version, key).encode())
                self.assert_refusal(raw.read_answer(), status)
                raw.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertEqual(raw.read_answer().status, 200)

    def test_pipelined_requests_are_answered_in_order_whatever_is_wrong_with_some(self):
        user = new_user()
        with RawHttp(self.server) as raw:
            raw.send(post_bytes(event(), user) + post_bytes(b"{", user) +
                     b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" + post_bytes(event(), user))
            self.assertEqual([raw.read_answer().status for _ in range(4)], [201, 400, 404, 201])


if __name__ == "__main__":
    unittest.main(verbosity=2)
