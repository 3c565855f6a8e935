"""carillon-loadgen against Carillon, and against a server of another kind that lies."""

import itertools
import json
import os
import signal
import subprocess
import time
import unittest

from carillond import (DEADLINE_S, IntegrationTest, Lines, clean_environment, metric,
                       own_address, program, run)
from plain_broadcaster import PlainBroadcaster


class LoadgenTest(IntegrationTest):
    def loadgen(self, *arguments, code=0):
        """Runs it; its result (--json) and its text."""
        path = os.path.join(self.directory, "run.json")
        result = run(*arguments, "--json", path, variable="LOADGEN", deadline_s=100)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        with open(path, encoding="utf-8") as file:
            return json.load(file), result.stdout


class CarillonTest(LoadgenTest):
    def setUp(self):
        super().setUp()
        self.server = self.start("--store", "memory:")

    def verify(self, *arguments):
        result, _ = self.loadgen("verify", "--url", self.server.url, "--events", 600,
                                 "--duration", "50s", *arguments)
        self.assertEqual(result["published"]["acknowledged"], 600)
        self.assertEqual(result["deliveries"], {**result["deliveries"], "expected": 6000,
                                                "received": 6000})
        self.assertEqual(result["check"]["unexplained_gaps"], 0)
        return result

    def test_every_way_to_subscribe_and_to_publish_is_verified(self):
        for stream in "ws", "sse":
            for publish in "http", "ws", "batch", "ndjson":
                with self.subTest(stream=stream, publish=publish):
                    self.verify("--stream", stream, "--publish", publish)

    def test_across_cuts_all_is_heard_once(self):
        if self.server.get("/api/events/subscribe?after=x").json["error"].find("not supported") >= 0:
            self.skipTest("this server does not resume yet")
        for stream in "ws", "sse":
            with self.subTest(stream=stream):
                result = self.verify("--stream", stream, "--rate", 300, "--cut-rate", 100)
                self.assertGreater(result["connections"]["resumed"], 10)
                self.assertEqual(result["check"]["told_gaps"], 0)

    def test_a_resume_that_the_server_refuses_is_a_fault(self):
        # An unknown query parameter may pass, a cursor that is none may not.
        result, _ = self.loadgen("verify", "--url", self.server.url, "--events", 100, "--rate", 200,
                                 "--cut-rate", 100, "--away", "1ms", "--drain", "200ms",
                                 "--resume-url", "ws://" + self.server.url[7:] +
                                 "/api/events/subscribe?user={{user}}&after=none{{cursor}}", code=1)
        self.assertGreater(result["connections"]["lost"], 0)
        self.assertGreater(result["check"]["told_gaps"], 0)

    def test_connections_may_share_a_user_and_pipeline(self):
        self.verify("--users", 2, "--receivers", 10, "--connections", 5, "--window", 8)

    def test_publishing_begins_when_the_server_has_answered_the_first_message(self):
        self.verify("--publish", "ws", "--publish-message", '{"type":"ping","ref":"{{connection}}"}',
                    "--publish-ready", '"type":"pong"')

    def test_in_lockstep_there_is_nothing_to_queue(self):
        result, _ = self.loadgen("fanout", "--url", self.server.url, "--lockstep", "--receivers",
                                 20, "--connections", 3, "--events", 50, "--warmup", "0s",
                                 "--duration", "50s")
        self.assertEqual(result["deliveries"]["received"], 1000)
        self.assertEqual(result["settings"]["loop"], "lockstep")
        # One event after the other: their times of delivery do not overlap. The last one is
        # delivered behind the window.
        latency = result["latency_ms"]["delivery"]
        self.assertLess(latency["mean"] * 50 / 1000,
                        result["window_s"] * 1.05 + latency["max"] / 1000)

    def test_an_open_loop_publishes_at_its_rate(self):
        result, _ = self.loadgen("fanout", "--url", self.server.url, "--rate", 200, "--receivers",
                                 5, "--warmup", "0s", "--events", 200, "--duration", "50s",
                                 "--pid", self.server.process.pid)
        self.assertEqual(result["published"]["sent"], 200)
        # Longer only where the machine is slow: no event is sent before it is due.
        self.assertGreater(result["window_s"], 0.99)
        self.assertEqual(result["latency_ms"]["delivery"]["count"],
                         result["deliveries"]["received"])
        self.assertGreater(result["server"]["resident_bytes_max"], 1 << 20)
        self.assertFalse(result["check"]["examples"])

    def test_idle_holds_subscriptions_and_weighs_them(self):
        result, text = self.loadgen("idle", "--url", self.server.url, "--receivers", 300,
                                    "--duration", "200ms", "--pid", self.server.process.pid)
        self.assertEqual(result["connections"]["subscribed"], 300)
        self.assertIn("bytes_per_connection", result["server"])
        self.assertIn("per subscription", text)

    def test_ingest_counts_answers_and_writes_a_page(self):
        page = os.path.join(self.directory, "page.html")
        arguments = ("ingest", "--url", self.server.url, "--warmup", "0s", "--events", 300,
                     "--duration", "50s")
        first, _ = self.loadgen(*arguments)
        self.assertEqual(first["published"]["acknowledged"], 300)
        self.loadgen(*arguments, "--report", page, "--baseline",
                     os.path.join(self.directory, "run.json"))
        with open(page, encoding="utf-8") as file:
            self.assertEqual(file.read().count('class="run"'), 2)

    def test_a_server_that_refuses_everything_is_no_success(self):
        result, text = self.loadgen("ingest", "--url", self.server.url, "--body",
                                    '{"category":"{{stamp}}"}', "--events", 3, "--warmup", "0s",
                                    code=3)
        self.assertEqual(result["published"]["refused"], 3)
        self.assertIn("first: 400", text)

    def test_interrupted_it_still_tells_what_it_has(self):
        loadgen = subprocess.Popen([program("LOADGEN"), "fanout", "--url", self.server.url,
                                    "--duration", "1h", "--warmup", "0s", "--receivers", "3"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   env=clean_environment())
        self.addCleanup(loadgen.kill)
        lines = Lines(loadgen.stdout)
        self.wait_for_events(50)
        loadgen.send_signal(signal.SIGINT)
        self.assertTrue(lines.wait_for("interrupted"))
        self.assertEqual(loadgen.wait(DEADLINE_S), 0)

    def wait_for_events(self, count):
        deadline = time.monotonic() + DEADLINE_S
        while metric(self.server, "carillon_events_accepted_total") < count:
            self.assertLess(time.monotonic(), deadline)

    def ended(self, end, *arguments):
        """What a long run says that `end(process)` ends: its exit code, its result, its text."""
        path = os.path.join(self.directory, "ended.json")
        loadgen = subprocess.Popen([program("LOADGEN"), *arguments, "--url", self.server.url,
                                    "--rate", "300", "--warmup", "0s", "--duration", "1h",
                                    "--json", path],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   env=clean_environment())
        self.addCleanup(loadgen.kill)
        lines = Lines(loadgen.stdout)
        self.wait_for_events(50)
        end(loadgen)
        code = loadgen.wait(DEADLINE_S)
        with open(path, encoding="utf-8") as file:
            return code, json.load(file), lines.all()

    def test_a_server_that_ends_under_it_is_no_success_and_ends_the_run(self):
        for scenario in "verify", "fanout", "ingest":
            for number in signal.SIGKILL, signal.SIGTERM:
                with self.subTest(scenario=scenario, signal=number):
                    code, result, text = self.ended(lambda _: self.server.signal(number), scenario)
                    self.assertEqual((code, result["check"]["complete"]), (4, False))
                    self.assertIn("4 of 4 publishing connections were lost", text[-1])
                    self.assertTrue(text[-1].startswith("INCOMPLETE"), text[-1])
                    self.assertIn(result["check"]["reasons"][-1], text[-1])
                    self.server.process.wait(DEADLINE_S)
                    self.server = self.start("--store", "memory:")

    def test_a_server_whose_process_is_gone_still_has_a_result(self):
        other = self.use(subprocess.Popen(["sleep", "1h"]))

        def end(loadgen):
            other.kill()
            other.wait(DEADLINE_S)
            loadgen.send_signal(signal.SIGINT)

        code, result, text = self.ended(end, "fanout", "--pid", str(other.pid))
        self.assertEqual(code, 4)
        self.assertIn("the server's process ended", text[-1])
        self.assertNotIn("server", result)

    def test_an_interrupted_verification_proves_nothing(self):
        code, result, text = self.ended(lambda loadgen: loadgen.send_signal(signal.SIGINT),
                                        "verify")
        self.assertEqual((code, result["check"]["complete"]), (4, False))
        self.assertIn("proves nothing: it was interrupted", text[-1])

    def test_no_server_is_said_at_once(self):
        server = self.start("--store", "memory:", listen=own_address())
        server.stop()
        result = run("fanout", "--url", server.url, variable="LOADGEN")
        self.assertEqual((result.returncode, result.stderr),
                         (3, "carillon-loadgen: subscriber 1 of 100: Connection refused\n"))


class AnotherServerTest(LoadgenTest):
    """A server that knows topics and has a message format of its own."""

    def verify(self, server, scheme, *arguments, rate=400, **options):
        # At a rate the connections take turns: each user has 20 of the 40 events.
        if scheme == "ws":
            arguments += ("--subscribe-message", '{"join":"{{user_index}}"}', "--ready",
                          "subscribed")
        return self.loadgen(
            "verify", "--subscribe-url", f"{scheme}://{server.authority}/live?topic={{{{user}}}}",
            "--publish-url", f"http://{server.authority}/push?topic={{{{user}}}}",
            "--body", "{{stamp}}/{{padding}}", "--content-type", "text/plain",
            "--users", 2, "--receivers", 3, "--connections", 2, "--events", 40, "--rate", rate,
            *arguments, **options)

    def test_an_honest_one_is_verified_by_websocket_and_by_sse(self):
        for scheme in "ws", "http":
            with self.subTest(scheme=scheme), PlainBroadcaster() as server:
                result, _ = self.verify(server, scheme)
                self.assertEqual(result["deliveries"]["received"], 120)
                if scheme == "ws":
                    self.assertEqual(sorted(set(server.heard)), ['{"join":"0"}', '{"join":"1"}'])
                    self.assertEqual(len(set(server.keys)), 6, "each connection has its own")

    def fanout(self, server):
        """The arguments of a run that publishes 100 events a second to one subscriber."""
        return ("fanout", "--subscribe-url", f"http://{server.authority}/live?topic=x",
                "--publish-url", f"http://{server.authority}/push?topic=x", "--body", "{{stamp}}",
                "--users", 1, "--receivers", 1, "--connections", 1, "--rate", 100, "--warmup", "0s",
                "--drain", "30s")

    # Goal: no coordinated omission. Method: the server stands still from the first event on,
    # for most of the run; about as many events as fall due meanwhile must show the wait.
    def test_latency_counts_from_when_an_event_was_due(self):
        def stand_still(number, message):
            if number == 0:
                time.sleep(1.5)
            return [message]

        with PlainBroadcaster(stand_still) as server:
            result, _ = self.loadgen(*self.fanout(server), "--events", 200, "--duration", "20s")
        latency = result["latency_ms"]["delivery"]
        # One connection with one event in flight: sent late, they would show one long wait.
        self.assertEqual(latency["count"], 200)
        self.assertGreater(latency["p50"], 200)

    def test_what_is_on_its_way_at_an_interruption_is_no_loss(self):
        with PlainBroadcaster() as server:
            server.hold()
            loadgen = subprocess.Popen([program("LOADGEN"), *map(str, self.fanout(server)),
                                        "--duration", "1h"],
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                       text=True, env=clean_environment())
            self.addCleanup(loadgen.kill)
            lines = Lines(loadgen.stdout)
            end = time.monotonic() + DEADLINE_S
            while server.published < 20:
                self.assertLess(time.monotonic(), end)
            loadgen.send_signal(signal.SIGINT)
            with self.assertRaises(subprocess.TimeoutExpired):
                loadgen.wait(0.3)
            server.release()
            self.assertEqual(loadgen.wait(DEADLINE_S), 0, lines.all())

    def test_a_handshake_that_answers_another_key_is_refused(self):
        # The answer to the example key of RFC 6455, as a server may have it written down.
        with PlainBroadcaster(accept=b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") as server:
            result = run("verify", "--subscribe-url", f"ws://{server.authority}/live?topic=x",
                         "--publish-url", f"http://{server.authority}/push?topic=x",
                         variable="LOADGEN")
        self.assertEqual(result.returncode, 3)
        self.assertIn("Sec-WebSocket-Accept does not belong to our key", result.stderr)

    def found(self, fault, *arguments):
        with PlainBroadcaster(fault) as server:
            return self.verify(server, "ws", *arguments, code=1)

    def test_a_lost_event_is_found_at_each_receiver(self):
        result, text = self.found(lambda number, message: [] if number == 7 else [message],
                                  "--drain", "5s")
        self.assertEqual(result["check"]["unexplained_gaps"], 6)
        self.assertIn("did not get events 7 to 7 of publisher 0", text)

    def test_a_doubled_event_is_found(self):
        result, _ = self.found(lambda number, message: [message] * (1 + (number == 7)))
        self.assertEqual(result["check"]["duplicates"], 6)
        self.assertEqual(result["check"]["unexplained_gaps"], 0)

    def test_swapped_events_are_found(self):
        held = {}

        def swap(number, message):
            if number % 10 == 3:
                held[message[:19]] = message
                return []
            # A stamp's first 19 characters are the run and the user: the topic.
            late = [held.pop(key) for key in list(held) if key == message[:19]]
            return [message, *late]

        result, _ = self.found(swap)
        self.assertGreater(result["check"]["out_of_order"], 0)
        self.assertEqual(result["check"]["unexplained_gaps"], 0)

    def test_the_last_event_is_missed_too(self):
        result, _ = self.found(lambda number, message: [] if number == 19 else [message],
                               "--drain", "5s")
        self.assertEqual(result["check"]["unexplained_gaps"], 6)

    def cut(self, scheme, *arguments, replay=lambda messages: messages, code=0):
        """A run whose connections are cut and resumed; its result."""
        with PlainBroadcaster(replay=replay) as server:
            result, _ = self.verify(server, scheme, "--cut-rate", 100, "--away", "20ms",
                                    "--cursor", "id: ", "--resume-header",
                                    "Last-Event-ID: {{cursor}}", *arguments, rate=20, code=code)
            self.assertGreater(server.resumed, 3)
        self.assertEqual(result["connections"]["resumed"], server.resumed)
        self.assertEqual(result["connections"]["lost"], 0)
        return result

    def test_across_cuts_all_is_heard_once_by_websocket_and_by_sse(self):
        for scheme in "ws", "http":
            with self.subTest(scheme=scheme):
                result = self.cut(scheme)
                self.assertEqual(result["deliveries"]["received"], 120)
                self.assertEqual(result["check"]["duplicates"], 0)

    def test_a_resume_that_leaves_something_out_is_found(self):
        result = self.cut("ws", "--drain", "5s", replay=lambda messages: messages[1:], code=1)
        self.assertGreater(result["check"]["unexplained_gaps"], 0)

    def test_a_resume_that_repeats_something_is_found(self):
        result = self.cut("http", replay=lambda messages: messages[:1] + messages, code=1)
        self.assertGreater(result["check"]["duplicates"], 0)
        self.assertEqual(result["check"]["unexplained_gaps"], 0)

    def test_one_event_under_two_ids_is_found(self):
        sequences = itertools.count(1)

        def rename(number, message):
            # A stamp begins with its run and user. Every fifth event has its forerunner's id.
            names = (message[:19], number - (number % 5 == 4), next(sequences))
            return [message + b'"id":"%s-%d" "sequence":%d,' % names]

        with PlainBroadcaster(rename) as server:
            result, _ = self.verify(server, "ws", "--id", '"id":"', "--sequence", '"sequence":',
                                    code=1)
        self.assertEqual(result["check"]["disagreed"], 8)
        self.assertEqual(result["check"]["misnumbered"], 0)

    def test_a_sequence_that_does_not_ascend_is_found(self):
        def count_down(number, message):
            return [message + b'"sequence":%d,' % (1000 - number)]

        with PlainBroadcaster(count_down) as server:
            result, _ = self.verify(server, "http", "--sequence", '"sequence":', code=1)
        self.assertEqual(result["check"]["misnumbered"], 2 * 3 * 19)

    def shared(self, for_stream, *arguments, code=0):
        """Two publishers share a user with three subscribers."""
        with PlainBroadcaster(for_stream=for_stream) as server:
            return self.loadgen(
                "verify", "--subscribe-url", f"http://{server.authority}/live?topic={{{{user}}}}",
                "--publish-url", f"http://{server.authority}/push?topic={{{{user}}}}",
                "--body", "{{stamp}}", "--users", 1, "--receivers", 3, "--connections", 2,
                "--events", 40, "--rate", 400, *arguments, code=code)

    def test_two_publishers_heard_in_different_order_are_found(self):
        held = []

        def swap_for_one(index, messages):
            # Each publisher's own events stay in order: of another's the later comes first.
            if index != 1:
                return messages
            held.extend(messages)
            if len(held) < 2:
                return []
            first, second = held
            held.clear()
            # In a stamp the publisher stands behind run and user.
            same = first.split(b"~")[1][18:26] == second.split(b"~")[1][18:26]
            return [first, second] if same else [second, first]

        result, text = self.shared(swap_for_one, code=1)
        check = result["check"]
        self.assertEqual((check["order_disagreed"], check["order_compared"]), (1, 3))
        self.assertEqual((check["out_of_order"], check["unexplained_gaps"]), (0, 0))
        self.assertIn("compared at 3 subscribers, another at 1", text)
        self.assertRegex(text, r"subscriber \d heard the events of different publishers")

        result, text = self.shared(swap_for_one, "--any-order")
        self.assertEqual(result["check"]["order_compared"], 0)
        self.assertIn("(--any-order)", text)

    def test_what_it_did_not_check_is_said(self):
        _, text = self.shared(lambda index, messages: messages)
        self.assertIn("not checked ids (--id); numbering (--sequence)\n", text)

    def test_what_was_refused_is_no_loss(self):
        with PlainBroadcaster(lambda number, message: [], b"503 Busy") as server:
            result, _ = self.verify(server, "ws", code=3)
        self.assertEqual(result["published"]["refused"], 40)
        self.assertEqual(result["check"]["unexplained_gaps"], 0)

    def test_what_was_refused_and_came_all_the_same_is_a_fault(self):
        with PlainBroadcaster(answer=b"500 Oops") as server:
            result, text = self.verify(server, "ws", code=1)
        # Nobody waits for what was refused, so 120 at most.
        came = result["check"]["refused_delivered"]
        self.assertGreater(came, 0)
        self.assertIn(f"refused but delivered {came}", text)
        self.assertRegex(text, r"got event \d+ of publisher 0, which the server had refused \(\d+ of")


if __name__ == "__main__":
    unittest.main(verbosity=2)
