"""carillon backup and restore: a copy that is a store of its own, and what they refuse."""

import os
import unittest

from carillond import IntegrationTest, epoch_of, new_user, query, run


class BackupTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.user = new_user()
        self.backup = os.path.join(self.directory, "backup")
        self.restored = os.path.join(self.directory, "restored")

    def copy(self, command, data_dir, code=0):
        result = run(command, self.backup, "--data-dir", data_dir, variable="CARILLON")
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def page(self, server):
        return server.get(query("/api/events/list", pagesize="all"), user=self.user).json

    # Goal: a restored store holds what the backup held, not what came later, and takes no
    # cursor of the store that it was made from.
    def test_a_restored_store_is_the_one_that_was_backed_up_under_a_new_epoch(self):
        server = self.start()
        first = server.publish(self.user)["id"]
        before = self.page(server)
        server.stop()
        self.copy("backup", self.data_dir)
        server = self.start()
        server.publish(self.user)
        server.stop()

        self.copy("restore", self.restored)
        after = self.page(self.start(data_dir=self.restored))

        self.assertEqual([event["id"] for event in after["data"]], [first])
        self.assertEqual(after["totalCount"], before["totalCount"])
        self.assertNotEqual(epoch_of(after["cursor"]), epoch_of(before["cursor"]))

    def test_a_store_in_use_is_not_copied(self):
        self.start().publish(self.user)

        self.assertRegex(self.copy("backup", self.data_dir, code=1).stderr, "(?i)open|use|lock")
        self.assertFalse(os.path.exists(self.backup))

    def test_what_exists_is_not_written_over(self):
        server = self.start()
        server.publish(self.user)
        server.stop()
        self.copy("backup", self.data_dir)

        self.copy("backup", self.data_dir, code=1)
        self.copy("restore", self.data_dir, code=1)

        self.assertEqual(len(self.page(self.start())["data"]), 1)


if __name__ == "__main__":
    unittest.main()
