"""Batches against the server as a process: all or nothing, also across a restart."""

import unittest

from carillond import Connection, IntegrationTest, SseStream, event, new_user

PATH = "/api/events/batch"


class BatchTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.server = self.start()
        self.user = new_user()
        self.connection = Connection(self.server)
        self.addCleanup(self.connection.close)

    def post(self, events, **arguments):
        return self.connection.request("POST", PATH, events, user=self.user, **arguments)

    def total(self):
        answer = self.connection.request("GET", "/api/events/list", user=self.user)
        return answer.json["totalCount"]

    def stored(self, event_id):
        return self.connection.request("GET", f"/api/events/{event_id}", user=self.user).json

    def test_a_batch_of_ten_thousand_is_stored_in_its_order(self):
        count = 10_000
        least = {"category": "a", "action": "b", "severity": "info"}
        answer = self.post([{**least, "description": f"{number}"} for number in range(count)],
                           headers={"Content-Type": "application/json"})

        self.assertEqual(answer.status, 201, answer)
        events = answer.json["events"]
        self.assertEqual(len(events), count)
        sequences = [each["sequence"] for each in events]
        self.assertEqual(sequences, sorted(set(sequences)))
        self.assertEqual(self.total(), count)
        for number in (0, 1, 4_999, count - 1):
            stored = self.stored(events[number]["id"])
            self.assertEqual(stored["description"], str(number))
            self.assertEqual(stored["sequence"], events[number]["sequence"])

    def test_a_bad_event_is_named_and_nothing_is_stored(self):
        events = [event() for _ in range(100)]
        events[42]["severity"] = "loud"

        envelope = self.assert_refusal(self.post(events), 400, "invalid_event")

        self.assertEqual([detail["field"] for detail in envelope["details"]], ["[42].severity"])
        self.assertEqual(self.total(), 0)

    def test_one_event_too_many_is_refused_with_the_number_allowed(self):
        envelope = self.assert_refusal(self.post([1] * 10_001), 413, "body_too_large")

        self.assertIn("10001", envelope["error"])
        self.assertIn("10000", envelope["error"])

    def test_an_empty_array_is_refused(self):
        self.assert_refusal(self.post([]), 400, "invalid_body")

    def test_an_answer_at_once_has_the_places_that_are_stored(self):
        answer = self.post([event(), event()], headers={"Content-Type": "application/json",
                                                        "Prefer": "respond-async"})

        self.assertEqual(answer.status, 202, answer)
        self.post([event()])  # durable only behind those
        for each in answer.json["events"]:
            self.assertEqual(self.stored(each["id"])["sequence"], each["sequence"])

    def test_a_batch_sent_again_after_a_restart_changes_nothing(self):
        ids = [new_user() for _ in range(3)]
        events = [event(id=each) for each in (*ids, ids[0])]
        first = self.post(events)
        self.assertEqual(first.status, 201, first)
        self.assertEqual([each["id"] for each in first.json["events"]], [*ids, ids[0]])
        self.assertEqual(first.json["events"][3], first.json["events"][0])

        self.connection.close()
        self.server.kill()
        self.server = self.start()
        self.connection = Connection(self.server)
        self.addCleanup(self.connection.close)
        again = self.post(events)

        self.assertEqual(again.json, first.json)
        self.assertEqual(self.total(), 3)

    def test_subscribers_get_a_batch_in_its_order(self):
        stream = self.use(SseStream(self.server, user=self.user)).started()

        answer = self.post([event(description=str(number)) for number in range(50)])

        self.assertEqual(answer.status, 201, answer)
        received = [stream.next()["id"] for _ in range(50)]
        self.assertEqual(received, [each["id"] for each in answer.json["events"]])


if __name__ == "__main__":
    unittest.main(verbosity=2)
