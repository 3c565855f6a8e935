"""A damaged store is reported with what to do, and never made anew or repaired silently."""

import glob
import hashlib
import os
import shutil
import unittest

from carillond import Connection, IntegrationTest, event, new_user, query, run

EVENTS = 300


def flip(path, at):
    """Inverts 8 bytes at this share of the file."""
    with open(path, "r+b") as file:
        size = os.path.getsize(path)
        file.seek(min(int(size * at), size - 8))
        bytes_ = file.read(8)
        file.seek(-len(bytes_), os.SEEK_CUR)
        file.write(bytes(byte ^ 0xFF for byte in bytes_))


class DamageTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.user = new_user()
        self.ids = []
        self.publish()
        self.server.stop()  # writes sorted files
        self.publish()
        self.server.kill()  # leaves a log
        self.store = os.path.join(self.data_dir, "store")

    def publish(self):
        self.server = self.start()
        connection = Connection(self.server)
        self.addCleanup(connection.close)
        answer = connection.request("POST", "/api/events/batch",
                                    [event(metadata={"text": "x" * 400})] * EVENTS, user=self.user)
        self.ids += [each["id"] for each in answer.json["events"]]
        # More than one record, so that damage is not at the log's end.
        self.ids += [self.server.publish(self.user)["id"] for _ in range(5)]

    def files(self, pattern):
        found = [path for path in glob.glob(os.path.join(self.store, pattern))
                 if os.path.getsize(path) > 0]
        self.assertTrue(found, pattern)
        return sorted(found)

    def largest(self, pattern):
        return max(self.files(pattern), key=os.path.getsize)

    def sums(self):
        """What the files hold that carry events."""
        return {path: hashlib.sha256(open(path, "rb").read()).hexdigest()  # pylint: disable=R1732
                for path in self.files("*.sst") + glob.glob(os.path.join(self.store, "*.log"))}

    def assert_refused(self, *parts):
        before = self.sums()
        result = run("--data-dir", self.data_dir, "--listen", "127.0.0.1:0")
        self.assertEqual(result.returncode, 1, result.stderr)
        lines = [line for line in result.stderr.splitlines() if not line.startswith("time=")]
        self.assertEqual(len(lines), 1, result.stderr)
        for part in (self.store, *parts):
            self.assertIn(part, lines[0])
        self.assertEqual(self.sums(), before, "a refused store was changed")

    def with_copies(self, damages, *parts):
        """Each damage on a copy of its own."""
        whole = self.store + ".whole"
        shutil.move(self.store, whole)
        for name, damage in damages.items():
            with self.subTest(name):
                shutil.copytree(whole, self.store)
                damage()
                self.assert_refused(*parts)
            shutil.rmtree(self.store)

    def test_damage_that_opening_meets_says_what_to_do(self):
        self.with_copies({
            "MANIFEST": lambda: flip(self.largest("MANIFEST-*"), 0.3),
            "MANIFEST is gone": lambda: os.remove(self.largest("MANIFEST-*")),
            "CURRENT": lambda: flip(self.files("CURRENT")[0], 0.5),
            "CURRENT is empty": lambda: os.truncate(self.files("CURRENT")[0], 0),
            "CURRENT is gone": lambda: os.remove(self.files("CURRENT")[0]),
            "log": lambda: flip(self.largest("*.log"), 0.5),
            "end of a table": lambda: flip(self.largest("*.sst"), 1.0),
            "table is cut": lambda: os.truncate(self.largest("*.sst"), 1_000),
            "table is gone": lambda: os.remove(self.largest("*.sst")),
        }, "restore a backup", "move the directory away")

    def test_a_block_that_reading_meets_is_an_error_and_not_an_end(self):
        for path in self.files("*.sst"):
            if os.path.getsize(path) > 10_000:
                flip(path, 0.1)
        server = self.start()
        answer = server.get(query("/api/events/list", pagesize="all"), user=self.user)
        self.assertEqual((answer.status, answer.json["code"]), (503, "store_damaged"), answer)
        self.assertIn(".sst", answer.json["error"])
        ready = server.get("/readyz")
        self.assertEqual(ready.status, 200, ready)
        self.assertIn(".sst", ready.json["reason"])
        self.assertIn("carillon_store_damaged 1", server.get("/metrics").body.decode())
        self.assertEqual(server.get("/healthz").status, 200)
        self.assertEqual(server.publish(new_user())["category"], "test")

    def test_a_directory_of_somebody_else_is_refused_and_left_alone(self):
        foreign = os.path.join(self.directory, "foreign")
        os.mkdir(foreign)
        with open(os.path.join(foreign, "thesis.txt"), "w", encoding="utf-8") as file:
            file.write("mine")
        result = run("--store", "rocksdb:" + foreign, "--listen", "127.0.0.1:0")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("thesis.txt", result.stderr)
        self.assertIn("empty directory", result.stderr)
        self.assertEqual([name for name in os.listdir(foreign) if name != "carillon.lock"],
                         ["thesis.txt"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
