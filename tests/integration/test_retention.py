"""Retention under the whole server: what is too many or too old leaves, and nobody is fooled."""

import signal
import time
import unittest

from carillond import DEADLINE_S, Connection, IntegrationTest, event, new_user, query, run
from postgresql import PostgreSQL

LIST = "/api/events/list"


class RetentionTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.user = new_user()

    def total(self, server):
        return server.get(query(LIST, pagesize=1), user=self.user).json["totalCount"]

    def wait_for_total(self, server, wanted):
        end = time.monotonic() + DEADLINE_S
        while (total := self.total(server)) != wanted:
            self.assertLess(time.monotonic(), end, f"there are still {total} events")

    def listed(self, server, **parameters):
        answer = server.get(query(LIST, sort="created_at", order="asc", **parameters),
                            user=self.user)
        self.assertEqual(answer.status, 200, answer)
        return [item["id"] for item in answer.json["data"]]

    # Goal: the latest N of a user stay, its counts are those of its list, a cursor from
    # before is told so, and a restart changes nothing.
    # Method: more events than that over one connection, with a cursor taken early.
    def test_the_latest_events_of_a_user_stay(self):
        database = self.use(PostgreSQL())
        for store in ("memory:", "", database.url):
            with self.subTest(store=store):
                self.keep_latest(*(["--store", store] if store else []))

    def keep_latest(self, *flags):
        self.user = new_user()
        flags = (*flags, "--retention-events-per-user", "10")
        server = self.start(*flags)
        connection = self.use_connection(server)
        ids = []
        for number in range(40):
            answer = connection.request("POST", "/api/events", event(description=str(number)),
                                        user=self.user)
            ids.append(answer.json["id"])
            if number == 5:
                early = server.get(query(LIST), user=self.user).json["cursor"]
        self.wait_for_total(server, 10)

        self.assertEqual(set(self.listed(server, pagesize=100)), set(ids[-10:]))
        sums = server.get("/api/events", user=self.user).json
        self.assertEqual((sums["total"], sums["byStatus"]["unread"]), (10, 10))
        self.assertEqual(server.get(f"/api/events/{ids[0]}", user=self.user).status, 404)
        # Readers see a removal as soon as it is committed, and the writer counts it behind that.
        self.wait_for_metric(server, "carillon_retention_removed_events_total", 30)
        self.wait_for_metric(server, "carillon_store_events", 10)

        refusal = server.get(query(LIST, after=early), user=self.user)
        self.assert_refusal(refusal, 400, "history_gone")
        late = server.get(query(LIST), user=self.user).json["cursor"]
        self.assertEqual(self.listed(server, after=late), [])
        self.assertEqual(server.get(query(LIST, before=early), user=self.user).json["data"], [])
        if "memory:" in flags:
            return

        self.assertEqual(server.stop(), 0)
        server = self.start(*flags)
        self.assertEqual(set(self.listed(server, pagesize=100)), set(ids[-10:]))
        self.assert_refusal(server.get(query(LIST, after=early), user=self.user), 400,
                            "history_gone")
        self.assertEqual(server.stop(), 0)

    # Goal: events leave when they are too old, also while nobody publishes, and SIGHUP
    # says how old that is.
    def test_old_events_leave_while_nothing_happens(self):
        database = self.use(PostgreSQL())
        for store in ([], ["--store", database.url]):
            with self.subTest(store=store):
                self.leave_while_nothing_happens(*store)

    def leave_while_nothing_happens(self, *flags):
        config = self.path("carillond.toml")
        self.write(config, 'retention_age = "1h"\n')
        server = self.start("--config", config, *flags)
        for number in range(20):
            server.publish(self.user, description=str(number))
        self.assertEqual(self.total(server), 20)

        self.write(config, 'retention_age = "1s"\n')
        server.signal(signal.SIGHUP)

        self.wait_for_total(server, 0)
        self.wait_for_metric(server, "carillon_retention_removed_events_total", 20)
        self.wait_for_metric(server, "carillon_store_event_bytes", 0)
        self.assertEqual(server.stop(), 0)

    def test_a_wrong_value_is_told_what_would_be_right(self):
        ended = run("--check-config", "--retention-age", "30")
        self.assertEqual(ended.returncode, 1)
        self.assertIn('retention_age is "30": expected a time', ended.stderr)
        ended = run("--check-config", "--retention-bytes", "1TB")
        self.assertIn("retention_bytes", ended.stderr)

    def use_connection(self, server):
        connection = Connection(server)
        self.addCleanup(connection.close)
        return connection

    def path(self, name):
        return f"{self.directory}/{name}"

    def write(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    unittest.main()
