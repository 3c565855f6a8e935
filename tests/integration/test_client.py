"""carillon, the client: its subcommands, its output, its exit codes."""

import json
import os
import subprocess
import unittest

from carillond import (DEADLINE_S, IntegrationTest, Lines, clean_environment, new_user,
                       own_address, program, run)


class ClientTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.server = self.start("--store", "memory:", listen=own_address())
        self.user = new_user()

    def carillon(self, *arguments, code=0, stdin=""):
        result = run(*arguments, variable="CARILLON", stdin=stdin,
                     environment={"CARILLON_URL": self.server.url, "CARILLON_USER": self.user})
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def publish(self, *arguments):
        return json.loads(self.carillon("publish", "--category", "test", "--action", "happen",
                                        "--output", "json", *arguments).stdout)

    def listed(self, *arguments):
        return json.loads(self.carillon("list", "--output", "json", *arguments).stdout)

    def test_publishes_field_by_field(self):
        resource, own_id = new_user(), new_user()
        event = self.publish("--severity", "error", "--description", "a \"quoted\" word",
                             "--metadata", '{"error": "x", "n": 1e400}', "--acted-upon", resource,
                             "--id", own_id)

        self.assertEqual((event["id"], event["actedUpon"]), (own_id, resource))
        self.assertEqual(event["description"], 'a "quoted" word')
        self.assertEqual(event["owner"], self.user)
        self.assertEqual(self.listed()["data"][0]["id"], own_id)

    def test_publishes_for_another_user(self):
        other = new_user()
        self.assertEqual(self.publish("--owner", other)["owner"], other)

    def test_publishes_json_from_a_file_or_standard_input(self):
        text = '{"category":"test","action":"read","severity":"info"}'
        path = os.path.join(self.directory, "event.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.carillon("publish", "--file", "-", "--async", stdin=text)
        self.carillon("publish", "--file", path)  # stored, and all before it

        self.assertEqual(self.listed()["totalCount"], 2)

    def test_a_table_is_aligned_and_says_how_many_there_are(self):
        first = self.publish("--description", "short")
        self.publish("--severity", "emergency", "--description", "\x1b[31mred")
        result = self.carillon("list", "--sort", "created_at", "--order", "asc")

        head, row, other = result.stdout.splitlines()
        self.assertEqual(head.index("ID"), row.index(first["id"]))
        self.assertEqual(head.index("DESCRIPTION"), row.index("short"))
        self.assertNotIn("\x1b", other)
        self.assertEqual(result.stderr, "2 of 2 events\n")

    def test_lists_a_page_by_filter(self):
        for severity in ("info", "error", "info"):
            self.publish("--severity", severity, "--metadata", '{"error":1}')

        self.assertEqual(self.listed("--severity", "error")["totalCount"], 1)
        self.assertEqual(self.listed("--severity", "error", "--severity", "informational",
                                     "--page-size", "2", "--page", "1")["pageSize"], 2)
        self.assertEqual(self.listed("--status", "read")["totalCount"], 0)

    def test_marks_and_deletes(self):
        first, second = self.publish()["id"], self.publish()["id"]
        self.assertEqual(self.carillon("mark", first, second.upper(), "--status", "read").stdout,
                         f"updated {first}\nupdated {second}\n")
        self.assertEqual(self.listed()["readCount"], 2)
        self.assertEqual(self.carillon("delete", first).stdout, f"deleted {first}\n")
        self.assertEqual(self.listed()["totalCount"], 1)

        missing = self.carillon("delete", first, code=1)
        self.assertIn(first, missing.stderr)

    def tail(self, *arguments):
        process = subprocess.Popen(
            [program("CARILLON"), "tail", "--url", self.server.url, "--user", self.user, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment())
        self.addCleanup(process.wait, DEADLINE_S)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        process.errors = Lines(process.stderr)
        self.assertTrue(process.errors.wait_for("subscribed"))
        return process

    def test_tails_what_passes_the_filter_and_ends_after_count(self):
        tail = self.tail("--severity", "error", "--output", "json", "--count", "2")
        for severity in ("error", "info", "error"):
            self.publish("--severity", severity, "--metadata", '{"error":1}')

        out = tail.stdout.read()
        self.assertEqual(tail.wait(DEADLINE_S), 0)
        self.assertEqual([json.loads(line)["severity"] for line in out.splitlines()],
                         ["error", "error"])

    def test_tail_connects_again_and_says_that_events_may_be_missing(self):
        address = f"{self.server.host}:{self.server.port}"
        tail = self.tail("--count", "1")
        self.server.stop()
        self.assertTrue(tail.errors.wait_for("goodbye"))
        self.assertTrue(tail.errors.wait_for("events in between"))

        self.server = self.start("--store", "memory:", listen=address)
        self.assertTrue(tail.errors.wait_for(r"connecting again"))
        self.wait_for_metric(self.server, "carillon_subscriptions", 1)
        event = self.publish()
        self.assertIn(event["id"], tail.stdout.read())
        self.assertEqual(tail.wait(DEADLINE_S), 0)

    def test_what_the_server_refuses_is_told_and_ends_with_one(self):
        result = self.carillon("publish", "--category", "Not Snake", "--action", "x",
                               "--severity", "loud", code=1)
        lines = result.stderr.splitlines()
        self.assertIn("(400)", lines[0])
        self.assertTrue(any(line.startswith("  category: ") for line in lines), lines)
        self.assertTrue(any(line.startswith("  severity: ") for line in lines), lines)
        self.carillon("list", "--severity", "loud", code=1)
        self.carillon("tail", "--severity", "loud", code=1)
        self.carillon("mark", "not-a-uuid", "--status", "read", code=1)

    def test_wrong_usage_ends_with_two(self):
        for arguments in ((), ("dance",), ("publish",), ("publish", "--category", "a"),
                          ("mark", new_user()), ("mark", new_user(), "--status", "old"),
                          ("delete",), ("list", "--output", "xml"), ("tail", "--count", "x"),
                          ("publish", "--file", "/nowhere.json"),
                          ("publish", "--category", "a", "--action", "b", "--metadata", "{")):
            with self.subTest(arguments=arguments):
                self.assertTrue(self.carillon(*arguments, code=2).stderr)

    def test_no_answer_ends_with_three(self):
        self.server.stop()
        for arguments in (("publish", "--category", "a", "--action", "b"), ("list",), ("tail",),
                          ("delete", new_user())):
            with self.subTest(arguments=arguments):
                self.assertIn("no answer", self.carillon(*arguments, code=3).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
