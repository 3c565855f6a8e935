"""The calls of Meshery's UI (family M) and of its published schema (family S)."""

import unittest

from carillond import Connection, IntegrationTest, new_user, query

S = "/api/events"
M = "/api/system/events"

# Published in this order; the first is the oldest.
EVENTS = [
    {"category": "connection", "action": "register", "severity": "success", "description": "Kind"},
    {"category": "connection", "action": "delete", "severity": "error",
     "description": "Cluster GONE", "metadata": {"error": "no route"}},
    {"category": "pattern", "action": "deploy", "severity": "info", "description": "Deployed"},
    {"category": "pattern", "action": "delete", "severity": "warn", "description": "Deleted"},
    {"category": "pattern", "action": "deploy", "severity": "informational",
     "description": "deployed again"},
]


class MesheryUiTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.server = self.start("--store", "memory:")
        self.connection = Connection(self.server)
        self.addCleanup(self.connection.close)
        self.user = new_user()
        self.ids = [self.ask("POST", S, 201, event).json["id"] for event in EVENTS]
        # Somebody else's event, which must never show.
        self.foreign = self.server.publish(new_user(), description="foreign")["id"]

    def ask(self, method, path, status, body=None):
        answer = self.connection.request(method, path, body, user=self.user)
        self.assertEqual(answer.status, status, answer)
        return answer

    def listed(self, **parameters):
        """Indexes into EVENTS, as both families list them."""
        schema = self.ask("GET", query(f"{S}/list", **parameters), 200).json
        meshery = self.ask("GET", query(M, **parameters), 200).json
        self.assertEqual(schema.pop("data"), meshery["events"])
        events = meshery.pop("events")
        self.assertEqual(schema, meshery)
        return [self.ids.index(event["id"]) for event in events]

    def test_a_page_is_what_the_ui_asks_for(self):
        newest_first = {"sort": "created_at", "order": "desc", "pagesize": 2}
        self.assertEqual(self.listed(page=0, **newest_first), [4, 3])
        self.assertEqual(self.listed(page=2, **newest_first), [0])
        self.assertEqual(self.listed(page=3, **newest_first), [])
        self.assertEqual(self.listed(sort="createdAt", order="asc"), [0, 1, 2, 3, 4])
        self.assertEqual(self.listed(order="created_at asc", pagesize="all"), [0, 1, 2, 3, 4])

        page = self.ask("GET", query(M, page=1, pagesize=2), 200).json
        self.assertEqual((page["page"], page["pageSize"], page["totalCount"], page["readCount"]),
                         (1, 2, 5, 0))

    def test_filters_are_json_arrays_in_one_value_repeated_or_separated_by_commas(self):
        order = {"sort": "created_at", "order": "asc"}
        self.assertEqual(self.listed(category=["connection"], **order), [0, 1])
        self.assertEqual(self.listed(category=["pattern"], action=["deploy"], **order), [2, 4])
        self.assertEqual(self.listed(severity=["error", "warning"], **order), [1, 3])
        self.assertEqual(self.listed(severity="error,warning", **order), [1, 3])
        self.assertEqual(self.listed(search="deployed", **order), [2, 4])
        self.assertEqual(self.listed(status="read", **order), [])
        repeated = self.ask("GET", f"{S}/list?action=register&action=deploy&order=asc"
                                   "&sort=created_at", 200).json["data"]
        self.assertEqual([self.ids.index(event["id"]) for event in repeated], [0, 2, 4])

    def test_the_badge_counts_unread_events_by_severity(self):
        def badge(**parameters):
            counts = self.ask("GET", query(M, pagesize=1, **parameters), 200).json
            return {count["severity"]: count["count"] for count in counts["countBySeverityLevel"]}

        self.assertEqual(badge(), {"success": 1, "error": 1, "warning": 1, "informational": 2})
        self.ask("PUT", f"{M}/status/{self.ids[4]}", 200, {"status": "read"})
        self.assertEqual(badge(category=["connection"]),
                         {"success": 1, "error": 1, "warning": 1, "informational": 1})
        self.assertEqual(badge(status="read"), {"informational": 1})

    def test_marking_one_event(self):
        answer = self.ask("PUT", f"{M}/status/{self.ids[0]}", 200, {"status": "read"})
        self.assertEqual(answer.body, b"")
        answer = self.ask("PUT", f"{S}/{self.ids[1]}/status", 200, {"status": "read"}).json
        self.assertEqual((answer["eventId"], answer["status"]), (self.ids[1], "read"))
        self.assertIn("message", answer)

        self.assertEqual(sorted(self.listed(status="read")), [0, 1])
        self.assertEqual(self.ask("GET", f"{S}/{self.ids[0]}", 200).json["status"], "read")
        self.ask("PUT", f"{S}/{self.ids[0]}/status", 200, {"status": "unread"})
        self.assertEqual(self.listed(status="read"), [1])

    def test_marking_many_events(self):
        wanted = [self.ids[0], self.ids[2], self.foreign]
        answer = self.ask("PUT", f"{S}/status", 200, {"ids": wanted, "status": "read"}).json
        self.assertCountEqual(answer["updated"], wanted[:2])
        answer = self.ask("PUT", f"{M}/status/bulk", 200, {"ids": [self.ids[3]], "status": "read"})
        self.assertEqual(answer.body, b"")
        self.assertEqual(sorted(self.listed(status="read")), [0, 2, 3])

        cursor = self.ask("GET", f"{S}/list", 200).json["cursor"]
        self.ask("PUT", f"{S}/status", 200, {"filter": {"category": ["connection"]},
                                             "upTo": cursor, "status": "unread"})
        self.assertEqual(sorted(self.listed(status="read")), [2, 3])

    def test_deleting(self):
        self.ask("DELETE", f"{S}/{self.ids[0]}", 204)
        self.ask("DELETE", f"{M}/{self.ids[1]}", 204)
        answer = self.ask("POST", f"{S}/delete", 200, {"ids": [self.ids[2], self.foreign]}).json
        self.assertEqual(answer["deleted"], [self.ids[2]])
        self.ask("DELETE", f"{M}/bulk", 204, {"ids": [self.ids[3]]})
        self.assertEqual(self.listed(), [4])

        self.ask("GET", f"{S}/{self.ids[0]}", 404)
        self.assertEqual(self.ask("GET", S, 200).json["total"], 1)

    def test_another_users_event_does_not_exist(self):
        self.ask("GET", f"{S}/{self.foreign}", 404)
        self.ask("GET", f"{M}/{self.foreign}", 404)
        self.ask("PUT", f"{S}/{self.foreign}/status", 404, {"status": "read"})
        self.ask("DELETE", f"{S}/{self.foreign}", 404)
        self.ask("DELETE", f"{M}/{self.foreign}", 204)  # Meshery's answer, without effect
        self.assertEqual(len(self.listed()), len(EVENTS))

    def test_the_kinds_that_filters_offer(self):
        pairs = self.ask("GET", f"{S}/types", 200).json
        self.assertEqual([(pair["category"], pair["action"]) for pair in pairs],
                         [("connection", "delete"), ("connection", "register"),
                          ("pattern", "delete"), ("pattern", "deploy")])
        self.assertEqual(self.ask("GET", f"{M}/types", 200).json,
                         {"category": ["connection", "pattern"],
                          "action": ["delete", "deploy", "register"]})

    def test_the_aggregate(self):
        aggregate = self.ask("GET", S, 200).json
        self.assertEqual(aggregate["total"], 5)
        self.assertEqual(aggregate["byStatus"], {"unread": 5, "read": 0})
        self.assertEqual(aggregate["byCategory"], {"connection": 2, "pattern": 3})
        self.assertEqual(aggregate["bySeverity"]["informational"], 2)

    def test_the_same_id_twice_is_one_event(self):
        event = {**EVENTS[0], "id": new_user(), "description": "once"}
        first = self.ask("POST", S, 201, event).json
        again = self.ask("POST", M, 200, {**event, "description": "twice"}).json
        self.assertEqual(again["id"], first["id"])
        self.assertEqual(again["description"], "once")
        self.assertEqual(again["sequence"], first["sequence"])

    def test_the_log_level(self):
        config = self.ask("GET", f"{M}/config", 200).json
        self.assertEqual(config["eventLogLevel"], "info")
        self.assertIn("debug", config["availableLevels"])
        self.ask("PUT", f"{M}/config", 200, {"eventLogLevel": "debug"})
        self.assertEqual(self.ask("GET", f"{M}/config", 200).json["eventLogLevel"], "debug")
        self.ask("PUT", f"{M}/config", 400, {"eventLogLevel": "loud"})

    def test_publishing_answers_with_the_event_and_its_place(self):
        answer = self.ask("POST", M, 201, EVENTS[0])
        event = answer.json
        self.assertEqual(self.ask("GET", answer.headers["Location"], 200).json, event)
        self.assertEqual(event["owner"], self.user)
        self.assertEqual(event["status"], "unread")
        self.assertGreater(event["sequence"], 0)
        answer = self.connection.request("POST", S, EVENTS[0], user=self.user,
                                         headers={"Prefer": "respond-async"})
        self.assertEqual(answer.status, 202)
        self.assertIn("id", answer.json)


if __name__ == "__main__":
    unittest.main(verbosity=2)
