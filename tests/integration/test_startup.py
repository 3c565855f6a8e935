"""Starting: what it says when it can, and the one clear line when it can't."""

import os
import signal
import socket
import tomllib
import unittest

from carillond import DEADLINE_S, READY, IntegrationTest, Server, run


def huge_pages_on_request():
    try:
        with open("/sys/kernel/mm/transparent_hugepage/enabled", encoding="ascii") as enabled:
            return "[madvise]" in enabled.read()
    except FileNotFoundError:
        return False


class StartupTest(IntegrationTest):
    def assert_one_line(self, result, *parts):
        """Exit code 1, and one line on standard error that holds these parts."""
        self.assertEqual(result.returncode, 1, result.stderr)
        lines = [line for line in result.stderr.splitlines() if not line.startswith("time=")]
        self.assertEqual(len(lines), 1, result.stderr)
        for part in parts:
            self.assertIn(part, lines[0])
        self.assertFalse(any(READY.match(line) for line in lines))

    def serve(self, *flags):
        return run("--data-dir", self.data_dir, "--listen", "127.0.0.1:0", *flags)

    def test_it_says_once_that_it_is_ready(self):
        server = self.start()
        self.assertEqual(server.get("/healthz").status, 200)
        self.assertEqual(server.get("/readyz").status, 200)
        self.assertEqual(server.stop(), 0)

        ready = [line for line in server.stderr.all() if READY.match(line)]
        self.assertEqual(len(ready), 1)

    def test_it_listens_on_ipv6(self):
        if not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6"):
            self.skipTest("this machine has no IPv6")
        server = self.start(listen="[::1]:0")
        self.assertEqual(server.host, "[::1]")
        self.assertEqual(server.get("/healthz").status, 200)

    def test_a_port_in_use_is_one_clear_line(self):
        server = self.start()
        result = run("--data-dir", self.data_dir + "2", "--listen", f"127.0.0.1:{server.port}")

        self.assert_one_line(result, str(server.port), "in use")

    def test_a_second_server_on_the_same_data_directory_is_one_clear_line(self):
        self.start()

        self.assert_one_line(self.serve(), self.data_dir)

    def test_a_data_directory_that_cant_be_made_is_one_clear_line(self):
        self.data_dir = os.path.join(self.directory, "file", "data")
        with open(os.path.join(self.directory, "file"), "w", encoding="utf-8"):
            pass

        self.assert_one_line(self.serve(), self.data_dir, "Not a directory")

    def test_a_store_that_nobody_knows_is_one_clear_line(self):
        self.assert_one_line(self.serve("--store", "mysql:here"), "mysql:here")

    def test_an_open_address_without_authentication_is_refused(self):
        self.assert_one_line(run("--data-dir", self.data_dir, "--listen", "0.0.0.0:0"),
                             "0.0.0.0:0", "--insecure")

    def test_an_open_address_is_served_if_insisted(self):
        server = Server("--insecure", data_dir=self.data_dir, listen="0.0.0.0:0")
        with server:
            server.host = "127.0.0.1"
            self.assertEqual(server.get("/healthz").status, 200)

    def test_history_in_memory_needs_no_directory(self):
        server = self.start("--store", "memory:")
        event = server.publish()
        self.assertEqual(server.get("/api/events/list").json["data"][0]["id"], event["id"])

    @unittest.skipIf(os.environ.get("LOAD_DIVISOR", "1") != "1", "a sanitizer's memory is its own")
    @unittest.skipUnless(huge_pages_on_request(), "this kernel gives huge pages always or never")
    def test_it_asks_for_huge_pages(self):
        server = self.start("--store", "memory:")
        with open(f"/proc/{server.process.pid}/smaps", encoding="utf-8") as maps:
            flags = [line.split()[1:] for line in maps if line.startswith("VmFlags:")]
        self.assertTrue(any("hg" in of_one for of_one in flags))

    def test_it_starts_as_quietly_where_it_may_not_use_all_processors(self):
        processors = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(processors)})
        self.addCleanup(os.sched_setaffinity, 0, processors)
        server = self.start()
        self.assertEqual(server.stop(), 0)
        foreign = [line for line in server.stderr.all()
                   if not READY.match(line) and not line.startswith("time=")]
        self.assertEqual(foreign, [])

    def test_the_version(self):
        result = run("--version")

        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"^carillond \d+\.\d+\.\d+\n$")


class ConfigurationTest(IntegrationTest):
    def write(self, text):
        path = os.path.join(self.directory, "carillond.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_every_fault_is_a_line_with_its_place(self):
        path = self.write('threads = "two"\nlisten = "127.0.0.1"\nlog_levle = "info"\n')
        for task in ("--check-config", "--print-config", "--insecure"):
            with self.subTest(task=task):
                result = run("--config", path, task, "--publish-status", "404")
                self.assertEqual(result.returncode, 1)
                lines = result.stderr.splitlines()
                self.assertEqual(len(lines), 4, lines)
                for line, start in zip(lines, (f"{path}:1: threads", f"{path}:2: listen",
                                               f"{path}:3: unknown key", "--publish-status:")):
                    self.assertTrue(line.startswith("carillond: " + start), line)

    def test_a_file_that_is_not_there_or_not_toml(self):
        result = run("--config", "/nowhere.toml", "--check-config")
        self.assertEqual(result.returncode, 1)
        self.assertIn("/nowhere.toml: can't be read", result.stderr)

        path = self.write("threads = \n")
        result = run("--config", path, "--check-config")
        self.assertEqual(result.returncode, 1)
        self.assertIn(f"{path}:1:", result.stderr)

    def test_a_good_file_is_valid(self):
        result = run("--check-config", "--config", self.write('max_event_bytes = "64KiB"\n'))

        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "")

    def test_the_printed_configuration_is_a_file(self):
        flags = ["--listen", "[::1]:1234", "--data-dir", "/some where"]
        printed = run(*flags, "--print-config", environment={"CARILLON_THREADS": "3"}).stdout

        values = tomllib.loads(printed)
        self.assertEqual((values["listen"], values["data_dir"], values["threads"]),
                         ("[::1]:1234", "/some where", 3))
        self.assertIn("threads = 3  # CARILLON_THREADS\n", printed)
        again = run("--config", self.write(printed), "--print-config").stdout
        self.assertEqual(tomllib.loads(again), values)

    def test_the_file_can_come_from_the_environment(self):
        path = self.write("threads = 5\n")
        printed = run("--print-config", environment={"CARILLON_CONFIG": path}).stdout

        self.assertEqual(tomllib.loads(printed)["threads"], 5)

    def test_an_unknown_option_ends_with_one(self):
        result = run("--colour")

        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_sighup_reloads_what_can_change_and_names_what_cannot(self):
        path = self.write('log_level = "info"\n')
        server = self.start("--config", path)
        self.assertEqual(server.get("/api/system/events/config").json["eventLogLevel"], "info")

        self.write('log_level = "debug"\nmax_event_bytes = 2048\n')
        server.signal(signal.SIGHUP)
        self.assertTrue(server.stderr.wait_for("level=warning .*max_event_bytes"))
        self.assertTrue(server.stderr.wait_for("level=info .*log_level"))
        self.assertEqual(server.get("/api/system/events/config").json["eventLogLevel"], "debug")

        self.write("log_level = 7\n")
        server.signal(signal.SIGHUP)
        self.assertTrue(server.stderr.wait_for("level=error .*:1: log_level"))
        self.assertEqual(server.get("/healthz").status, 200)

    def test_logs_can_be_json(self):
        server = self.start("--log-format", "json")
        self.assertEqual(server.stop(DEADLINE_S), 0)

        lines = [line for line in server.stderr.all() if not READY.match(line)]
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, r'^\{"time":"[^"]+Z","level":"[a-z]+","msg":".*\}$')


if __name__ == "__main__":
    unittest.main(verbosity=2)
