"""The server on PostgreSQL: restarts and lost connections under load, and who may open it."""

import signal
import time
import unittest

from carillond import DEADLINE_S, IntegrationTest, epoch_of, event, new_user, query, run
from load import BackgroundLoad
from postgresql import PostgreSQL

USERS = 20
CONNECTIONS = 8
WINDOW = 32
EVENTS_A_ROUND = 2_000


class PostgresqlTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.database = self.use(PostgreSQL())

    def start_on_database(self):
        return self.start("--store", self.database.url)

    def check(self, server, user, acknowledged):
        """What was acknowledged to this user is there, once, in its place."""
        page = server.get(query("/api/events/list", pagesize="all", sort="created_at",
                                order="asc"), user=user).json
        self.assertIn("data", page, page)
        listed = {event["id"]: event["sequence"] for event in page["data"]}
        self.assertEqual(len(listed), len(page["data"]), "an event stands twice")
        self.assertEqual(page["totalCount"], len(listed), "the counts are not exact")
        for id_, sequence in acknowledged.items():
            self.assertEqual(listed.get(id_), sequence, "an acknowledged event is lost or moved")
        return listed, epoch_of(page["cursor"])

    # Goal: whatever becomes of PostgreSQL under load, the server goes on by itself,
    # what was acknowledged is there, and nothing is there twice.
    def test_it_outlives_lost_connections_and_a_crash_of_postgresql(self):
        users = [new_user() for _ in range(USERS)]
        server = self.start_on_database()
        with BackgroundLoad(server, CONNECTIONS, WINDOW, users) as load:
            for round_ in range(1, 4):
                load.wait_until_sent(EVENTS_A_ROUND * round_)
                self.database.cut_connections()
            load.wait_until_sent(EVENTS_A_ROUND * 4)
            self.database.stop(signal.SIGQUIT)
            self.wait_for_status(server, "/readyz", 503)
            self.assertEqual(server.get("/api/events/list", user=users[0]).status, 503)
            self.database.start()
            self.wait_for_status(server, "/readyz", 200)
            load.wait_until_sent(EVENTS_A_ROUND * 5)
        self.assertFalse(any(publisher.cut_off for publisher in load.publishers))
        acknowledged = {user: {} for user in users}
        for event in load.acknowledged():
            acknowledged[event.owner][event.id] = event.sequence
        sent = sum(len(events) for events in acknowledged.values())
        self.assertGreater(sent, EVENTS_A_ROUND * 4)

        epochs = set()
        for user in users:
            listed, epoch = self.check(server, user, acknowledged[user])
            # Every publisher got all of its answers, so there is nothing beyond them.
            self.assertEqual(set(listed), set(acknowledged[user]))
            epochs.add(epoch)
        server.kill()
        again = self.start_on_database()
        for user in users:
            epochs.add(self.check(again, user, acknowledged[user])[1])
        self.assertEqual(len(epochs), 1, "the epoch changed although nothing was lost")

    def wait_for_status(self, server, path, status):
        end = time.monotonic() + DEADLINE_S
        while (current := server.get(path).status) != status:
            self.assertLess(time.monotonic(), end, f"{path} still answers {current}, not {status}")

    # Goal: a database that takes a commit and never answers is told to whoever asks, and
    # does not keep a server from ending that was asked to.
    def test_a_database_that_hangs_makes_it_unready_and_does_not_hold_up_its_end(self):
        server = self.start("--store", self.database.url, "--commit-hang-after", "50ms",
                            "--drain-timeout", "100ms", "--flush-timeout", "100ms")
        user = new_user()
        server.publish(user)
        self.database.freeze()
        try:
            answer = server.request("POST", "/api/events", event(), user=user,
                                    headers={"Prefer": "respond-async"})
            self.assertEqual(answer.status, 202)
            self.wait_for_status(server, "/readyz", 503)
            self.assertIn("A commit has been running for", server.get("/readyz").json["error"])
            server.signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(DEADLINE_S), 1)
            self.assertTrue(server.stderr.wait_for("the store does not answer"))
        finally:
            self.database.thaw()

    def test_it_publishes_lists_marks_and_deletes(self):
        server = self.start_on_database()
        user = new_user()
        read, deleted, untouched = (server.publish(user)["id"] for _ in range(3))
        self.assertEqual(server.request("PUT", f"/api/events/{read}/status", {"status": "read"},
                                        user=user).status, 200)
        self.assertEqual(server.request("DELETE", f"/api/events/{deleted}", user=user).status, 204)
        self.database.stop(signal.SIGINT)
        self.database.start()

        page = server.get("/api/events/list", user=user).json
        self.assertEqual({event["id"]: event["status"] for event in page["data"]},
                         {read: "read", untouched: "unread"})
        self.assertEqual(page["readCount"], 1)
        self.assertEqual(self.database.sql("SELECT count(*) FROM carillon.events"), "3")

    def test_a_second_server_on_the_database_is_one_clear_line(self):
        self.start_on_database()
        result = run("--data-dir", self.data_dir + "2", "--listen", "127.0.0.1:0",
                     "--store", self.database.url)

        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"'carillon pid \d+ on .*' .* holds its lock")

    def test_a_postgresql_that_is_down_is_one_clear_line_without_the_password(self):
        self.database.stop(signal.SIGQUIT)
        result = run("--data-dir", self.data_dir, "--listen", "127.0.0.1:0",
                     "--store", self.database.url)

        self.assertEqual(result.returncode, 1)
        self.assertIn("Can't connect to PostgreSQL at postgresql://carillon:***@", result.stderr)
        self.assertNotIn("secret", result.stderr)
        printed = run("--store", self.database.url, "--print-config").stdout
        self.assertIn("postgresql://carillon:***@/events", printed)
        self.assertNotIn("secret", printed)
        self.database.start()

    def test_the_password_is_in_no_log_line(self):
        server = self.start_on_database()
        self.database.cut_connections()
        server.publish(new_user())
        self.assertEqual(server.stop(), 0)

        lines = "\n".join(server.stderr.all())
        self.assertIn("connected to PostgreSQL again", lines)
        self.assertNotIn("secret", lines)


if __name__ == "__main__":
    unittest.main(verbosity=2)
