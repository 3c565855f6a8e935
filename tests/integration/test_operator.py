"""carillon verify-store, export and import, as an operator uses them."""

import glob
import json
import os
import unittest

from carillond import IntegrationTest, epoch_of, new_user, query, run
from postgresql import PostgreSQL

USERS = [new_user() for _ in range(3)]


def seen(server, user):
    """What a user can see, its cursor apart."""
    page = server.get(query("/api/events/list", pagesize="all"), user=user).json
    cursor = page.pop("cursor")
    return (page, server.get("/api/events", user=user).json,
            server.get("/api/events/types", user=user).json), epoch_of(cursor)


class OperatorTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.lines = os.path.join(self.directory, "events.ndjson")

    def carillon(self, *arguments, code=0, environment=None):
        result = run(*arguments, variable="CARILLON", environment=environment)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout, result.stderr

    def fill(self):
        """A stopped server's store; what its users saw, and the local user among them."""
        server = self.start()
        for number in range(30):
            fields = {"description": f"number {number}", "metadata": {"big": 12345678901234567890}}
            if number % 10 == 0:
                fields["audience"] = "everyone"
            published = server.publish(USERS[number % 3] if number % 4 else None, **fields)
            if number % 5 == 0:
                answer = server.request("PUT", f"/api/events/{published['id']}/status",
                                        {"status": "read"}, user=USERS[0])
                self.assertIn(answer.status, (200, 404))
        ids = [event["id"] for event in
               server.get("/api/events/list", user=USERS[1]).json["data"][:3]]
        server.request("POST", "/api/events/delete", {"ids": ids}, user=USERS[1])
        before = [seen(server, user) for user in [None, *USERS]]
        self.assertEqual(server.stop(), 0)
        return before

    def export(self, store):
        out, told = self.carillon("export", "--store", store)
        with open(self.lines, "w", encoding="utf-8") as file:
            file.write(out)
        return out.splitlines(), told

    # Goal: a store goes to PostgreSQL and back to RocksDB, and a server on either shows every
    # user what the first one showed, under an epoch of its own.
    def test_a_store_moves_to_postgresql_and_back(self):
        before = self.fill()
        database = self.use(PostgreSQL())
        lines, told = self.export(self.data_dir)
        self.assertIn("exported", told)
        self.assertEqual(json.loads(lines[0])["carillon"], "export")

        out, _ = self.carillon("import", self.lines, "--store", database.url)
        self.assertIn("sequences are those of the file", out)
        self.assertNotIn("secret", out)
        server = self.start("--store", database.url)
        after = [seen(server, user) for user in [None, *USERS]]
        self.assertEqual([view for view, _ in after], [view for view, _ in before])
        self.assertNotEqual(after[0][1], before[0][1])
        self.assertIn("sound", self.carillon("verify-store", database.url)[0])
        self.assertEqual(server.stop(), 0)

        self.export(database.url)
        back = os.path.join(self.directory, "back")
        self.carillon("import", self.lines, environment={"CARILLON_STORE": f"{back}/store"})
        server = self.start(data_dir=back)
        self.assertEqual([seen(server, user)[0] for user in [None, *USERS]],
                         [view for view, _ in before])
        server.publish(USERS[0])

    def test_an_import_that_is_repeated_changes_nothing_and_a_bad_line_is_named(self):
        self.fill()
        lines, _ = self.export(self.data_dir)
        other = os.path.join(self.directory, "other")
        self.carillon("import", self.lines, "--store", other)
        out, _ = self.carillon("import", self.lines, "--store", other)
        self.assertIn("imported into", out)
        self.assertIn(": 0 events, 0 broadcasts, 0 marks of broadcasts; known", out)

        lines[-2] = "{"  # of a user; without a broadcast its marks would be bad, too
        with open(self.lines, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
        third = os.path.join(self.directory, "third")
        _, told = self.carillon("import", self.lines, "--store", third, code=1)
        self.assertIn(f"{self.lines}:{len(lines) - 1}: is not JSON", told)
        out, told = self.carillon("import", self.lines, "--store", third, "--keep-going", code=1)
        self.assertIn(f"1 of {len(lines)} lines", told)

    def test_a_store_is_verified_by_an_exit_code(self):
        self.fill()
        out, _ = self.carillon("verify-store", self.data_dir)
        self.assertRegex(out, r"\d+ events of \d+ users")
        largest = max(glob.glob(os.path.join(self.data_dir, "store", "*.sst")),
                      key=os.path.getsize)
        with open(largest, "r+b") as file:
            file.seek(100)
            file.write(b"\xff\xfe\xfd\xfc")

        out, _ = self.carillon("verify-store", self.data_dir, code=1)
        self.assertIn(largest, out)
        self.assertIn("restore a backup", out)
        _, told = self.carillon("verify-store", os.path.join(self.directory, "no"), code=2)
        self.assertIn("There is no store", told)

    def test_a_served_store_is_left_alone(self):
        self.start().publish(USERS[0])
        for command in (["verify-store", self.data_dir], ["export", "--store", self.data_dir]):
            _, told = self.carillon(*command, code=2 if command[0] == "verify-store" else 1)
            self.assertIn("carillon backup", told)
        with open(self.lines, "w", encoding="utf-8") as file:
            file.write('{"carillon":"export","format":1,"epoch":1,"systemId":"%s","localUser":"%s",'
                       '"lastSequence":1}\n' % (USERS[0], USERS[1]))
        _, told = self.carillon("import", self.lines, "--store",
                                os.path.join(self.data_dir, "store"), code=1)
        self.assertIn("open already", told)


if __name__ == "__main__":
    unittest.main()
