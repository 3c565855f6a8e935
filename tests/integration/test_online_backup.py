"""carillon backup of a server that runs: everything acknowledged before is in it, once."""

import os
import stat
import unittest

from carillond import IntegrationTest, epoch_of, new_user, query, run
from load import BackgroundLoad
from postgresql import PostgreSQL

USERS = [new_user() for _ in range(5)]
PAGE = 10_000


def inbox(server, user):
    """All events of a user, and the page that counts them."""
    events = []
    while True:
        page = server.get(query("/api/events/list", pagesize=PAGE, page=len(events) // PAGE,
                                sort="created_at", order="asc"), user=user).json
        events += page["data"]
        if len(page["data"]) < PAGE:
            return events, page


class OnlineBackupTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.backup = os.path.join(self.directory, "backup")
        self.restored = os.path.join(self.directory, "restored")

    def carillon(self, *arguments, code=0, environment=None):
        result = run(*arguments, variable="CARILLON", environment=environment)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout + result.stderr

    # Goal: a backup made under load is a store with every event that was acknowledged before the
    # call, none of them twice, counts that agree with its lists, and an epoch of its own.
    def test_a_backup_under_load_holds_all_that_was_acknowledged_before(self):
        server = self.start("--publish-rate", "0")
        with BackgroundLoad(server, connections=8, window=16, users=USERS) as load:
            load.wait_until_sent(5_000)
            before = load.acknowledged()
            said = self.carillon("backup", self.backup, "--url", server.url)
            load.wait_until_sent(7_000)
        self.assertIn("is a backup of", said)
        self.assertEqual(stat.S_IMODE(os.stat(self.backup).st_mode), 0o700)
        originals = {user: inbox(server, user) for user in USERS}
        self.assertEqual(server.stop(), 0)

        self.carillon("restore", self.backup, "--data-dir", self.restored)
        copy = self.start(data_dir=self.restored)

        total = 0
        for user in USERS:
            events, page = inbox(copy, user)
            ids = [event["id"] for event in events]
            acknowledged = {event.id for event in before if event.owner == user}
            self.assertGreater(len(acknowledged), 0)
            self.assertEqual(len(ids), len(set(ids)), "an event is there twice")
            self.assertEqual(acknowledged - set(ids), set(), "acknowledged events are missing")
            original, original_page = originals[user]
            self.assertEqual(events, original[:len(events)], "it is no prefix of the original")
            self.assertEqual(page["totalCount"], len(ids))
            sums = copy.get("/api/events", user=user).json
            self.assertEqual((sums["total"], sums["byStatus"]["unread"]), (len(ids), len(ids)))
            self.assertNotEqual(epoch_of(page["cursor"]), epoch_of(original_page["cursor"]))
            total += len(ids)
        self.assertGreaterEqual(total, len(before))
        copy.publish(USERS[0])

    def test_what_can_not_be_a_backup_is_refused_with_the_reason(self):
        server = self.start()
        os.makedirs(os.path.join(self.backup, "precious"))
        cases = {"relative/path": "absolute path", self.backup: "not empty",
                 os.path.join(self.data_dir, "store", "b"): "directory of the store itself",
                 os.path.join(self.directory, "no", "parent"): "No such file"}
        for directory, reason in cases.items():
            said = self.carillon("backup", directory, "--url", server.url, code=1)
            self.assertIn(reason, said)
        self.assertEqual(os.listdir(self.backup), ["precious"])
        said = self.carillon("backup", self.backup, "--data-dir", self.data_dir, code=1)
        self.assertIn("--url", said)

    def test_an_empty_directory_is_filled(self):
        server = self.start()
        server.publish(USERS[0])
        os.mkdir(self.backup)

        self.carillon("backup", self.backup, "--url", server.url)

        self.assertIn("CURRENT", os.listdir(self.backup))
        self.assertEqual(sorted(os.listdir(self.directory)), ["backup", "data"])

    def test_a_store_without_backups_says_what_to_do(self):
        memory = self.start("--store", "memory:")
        self.assertIn("memory:", self.carillon("backup", self.backup, "--url", memory.url, code=1))

        database = self.use(PostgreSQL())
        server = self.start("--store", database.url)
        said = self.carillon("backup", self.backup, "--url", server.url, code=1)
        self.assertIn("pg_dump --format=custom --schema=carillon --file=FILE 'postgresql://", said)
        self.assertNotIn("secret", said)


if __name__ == "__main__":
    unittest.main()
