"""kill -9 during load: what was acknowledged is there, once, in its place."""

import unittest

from carillond import IntegrationTest, epoch_of, new_user, query
from load import BackgroundLoad

ROUNDS = 8
EVENTS_BEFORE_KILL = 5_000  # so that all rounds of a user fit into one page "all" of 10,000
USERS = 20
CONNECTIONS = 8
WINDOW = 32


class KillTest(IntegrationTest):
    # Goal: no 201 is lost, no event stands twice, no sequence is given twice or
    # goes back, and cursors stay valid, whenever the process ends.
    # Method: rounds of load, SIGKILL in the middle of it, restart, list everything.
    def test_acknowledged_events_survive_kill(self):
        users = [new_user() for _ in range(USERS)]
        acknowledged = {user: {} for user in users}  # user -> id -> sequence, of all rounds
        highest = dict.fromkeys(users, 0)  # sequence that was ever listed
        epochs = set()
        for round_ in range(ROUNDS):
            server = self.start()
            with BackgroundLoad(server, CONNECTIONS, WINDOW, users) as load:
                load.wait_until_sent(EVENTS_BEFORE_KILL + 97 * round_)
                server.kill()
            self.assertGreater(len(load.acknowledged()), EVENTS_BEFORE_KILL / 2)
            for event in load.acknowledged():
                self.assertNotIn(event.id, acknowledged[event.owner])
                self.assertGreater(event.sequence, highest[event.owner])
                acknowledged[event.owner][event.id] = event.sequence

            again = self.start()
            for user in users:
                epochs.add(self.check(again, user, acknowledged[user], highest))
            again.kill()  # also right after a recovery
        self.assertEqual(len(epochs), 1, "the epoch changed although the store did not")

    def check(self, server, user, acknowledged, highest):
        page = server.get(query("/api/events/list", pagesize="all", sort="created_at",
                                order="asc"), user=user).json
        listed = {event["id"]: event["sequence"] for event in page["data"]}
        self.assertEqual(len(listed), len(page["data"]), "an event stands twice")
        self.assertEqual(page["totalCount"], len(listed), "the counts are not exact")
        lost = [id_ for id_ in acknowledged if id_ not in listed]
        self.assertEqual(lost, [], f"{len(lost)} acknowledged events are lost")
        for id_, sequence in acknowledged.items():
            self.assertEqual(listed[id_], sequence)
        self.assertEqual(len(set(listed.values())), len(listed), "a sequence was given twice")
        highest[user] = max(listed.values(), default=0)
        return epoch_of(page["cursor"])

    def test_state_changes_survive_kill(self):
        server = self.start()
        user = new_user()
        read, deleted, untouched = (server.publish(user)["id"] for _ in range(3))
        self.assertEqual(server.request("PUT", f"/api/events/{read}/status", {"status": "read"},
                                        user=user).status, 200)
        self.assertEqual(server.request("DELETE", f"/api/events/{deleted}", user=user).status, 204)
        server.kill()

        page = self.start().get("/api/events/list", user=user).json
        self.assertEqual({event["id"]: event["status"] for event in page["data"]},
                         {read: "read", untouched: "unread"})
        self.assertEqual(page["readCount"], 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
