"""Limits: what is over one is answered, and the others do not notice."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
import threading
import time
import unittest

import websockets

from carillond import (DEADLINE_S, IntegrationTest, RawHttp, SseStream, event, metric, new_user,
                       post_bytes)


class AdmissionTest(IntegrationTest):
    def test_without_descriptors_clients_are_answered_503_and_it_recovers_by_itself(self):
        server = self.start("--threads", "1")
        served = self.use(RawHttp(server))
        served.send(post_bytes(event()))
        self.assertEqual(served.read_answer().status, 201)

        # A client has left before: to look at a type of error for the first time, the sanitizer
        # for undefined behaviour needs a descriptor of its own.
        end = time.monotonic() + DEADLINE_S
        while metric(server, "carillon_http_connections_closed_total") == 0:
            self.assertLess(time.monotonic(), end, "no client's end is seen")
        soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        limit = descriptors_of(server) + 10
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, hard))
        began = time.monotonic()
        waiting = contextlib.ExitStack()
        self.addCleanup(waiting.close)
        refused = 0
        while refused < 10:  # they stay open, the server's descriptors run out
            client = waiting.enter_context(RawHttp(server))
            client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = client.read_answer()
            if answer.status != 200:
                self.assert_refusal(answer, 503, "too_many_connections")
                self.assertEqual(answer.headers["Retry-After"], "1")
                refused += 1

        # Now one that can be neither served nor refused.
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (3, hard))
        left = waiting.enter_context(RawHttp(server))
        left.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        self.wait_until_idle(server)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, hard))
        self.assertIn(left.read_answer().status, (200, 503))

        served.send(post_bytes(event()))
        self.assertEqual(served.read_answer().status, 201, "who is in is not disturbed")

        waiting.close()
        self.wait_until_served(server)
        self.assertGreaterEqual(metric(server, "carillon_rejected_total"), 10)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
        self.assertEqual(server.stop(), 0)
        complaints = [line for line in server.stderr.all() if "can't accept" in line]
        # One, and another every ten seconds.
        self.assertIn(len(complaints), range(1, 2 + int((time.monotonic() - began) / 10)), complaints)

    def wait_until_idle(self, server):
        """Until the server uses no processor for a while: one that spins always does."""
        idle = threading.Event()  # set by nobody
        end = time.monotonic() + DEADLINE_S
        used = cpu_s(server)
        while True:
            idle.wait(0.3)
            before, used = used, cpu_s(server)
            if used - before < 0.1:
                return
            self.assertLess(time.monotonic(), end, "it spins")

    def wait_until_served(self, server):
        end = time.monotonic() + DEADLINE_S
        while True:
            # Without a descriptor to spare it answers and closes at once: a request that comes
            # behind that is met by a reset.
            with contextlib.suppress(ConnectionError):
                if server.get("/healthz").status == 200:
                    return
            self.assertLess(time.monotonic(), end, "it did not recover")

    def test_the_descriptor_limit_is_raised_reported_and_warned_about(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

        server = self.start("--max-connections", "10000000")

        warning = server.stderr.wait_for(r'msg="max_connections is more than .* room=(\d+)')
        self.assertLess(int(warning[1]), hard)
        ready = server.stderr.wait_for(r'msg="ready".* descriptors_max=(\d+)')
        self.assertEqual(int(ready[1]), hard)
        self.assertEqual(metric(server, "carillon_descriptors_max"), hard)
        self.assertEqual(metric(server, "carillon_connections_max"), int(warning[1]))

    def test_with_few_descriptors_idle_connections_leave_the_store_its_files(self):
        server = self.start("--threads", "2", "--max-connections", "1000", descriptors=160)
        publisher = self.use(RawHttp(server))
        publisher.send(post_bytes(event()))
        self.assertEqual(publisher.read_answer().status, 201)
        for _ in range(160):  # more than there are descriptors; those over the limit are refused
            idle = self.use(RawHttp(server))
            idle.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(idle.read_answer().status, (200, 503))

        # More than its buffers hold, so that it must open files.
        batch = [event(metadata={"x": os.urandom(1_500).hex()}) for _ in range(250)]
        for _ in range(60):
            publisher.send(post_bytes(json.dumps(batch).encode(), path="/api/events/batch"))
            self.assertEqual(publisher.read_answer().status, 201)

    def test_by_default_as_many_connections_as_the_descriptors_leave(self):
        server = self.start()
        most = metric(server, "carillon_connections_max")
        self.assertGreater(most, 0)
        self.assertLess(most, metric(server, "carillon_descriptors_max"))

    # Goal: that Retry-After is true. Method: curl waits as long as it says, once.
    def test_curl_that_retries_after_what_it_is_told_is_served(self):
        server = self.start("--service-publish-rate", "2", "--service-publish-burst", "1")
        end = time.monotonic() + DEADLINE_S
        while metric(server, "carillon_rejected_total") == 0:  # curl may come when all is paid
            self.assertLess(time.monotonic(), end)
            user = new_user()
            owed = server.request("POST", "/api/events/batch", [event()] * 4, user=user)
            self.assertEqual(owed.status, 201)

            curl = subprocess.run(
                ["curl", "-sS", "--retry", "1", "--max-time", str(DEADLINE_S), "-w",
                 "\n%{http_code}", "-H", f"X-User-Id: {user}", "-H",
                 "Content-Type: application/json", "-d", json.dumps(event()),
                 f"{server.url}/api/events"],
                capture_output=True, text=True, timeout=2 * DEADLINE_S, check=True)

            self.assertEqual(curl.stdout.rsplit("\n", 1)[1], "201", curl.stdout)
        self.assertEqual(metric(server, "carillon_rejected_total"), 1)

    # A caller that floods owes half a minute; all that time the other one's
    # publishes are taken, made durable and delivered, each of them.
    def test_a_caller_that_floods_leaves_the_others_alone(self):
        server = self.start("--service-publish-rate", "1000", "--service-publish-burst", "1000")
        flooder, quiet = new_user(), new_user()
        stream = self.use(SseStream(server, user=quiet)).started()
        batch = json.dumps([event()] * 4000)
        for _ in range(8):
            server.request("POST", "/api/events/batch", batch, user=flooder,
                           headers={"Content-Type": "application/json"})
        stop, refused, statuses = threading.Event(), threading.Event(), set()

        def flood():
            with RawHttp(server) as raw:
                while not stop.is_set():
                    raw.send(post_bytes(event(), flooder) * 50)
                    statuses.update(raw.read_answer().status for _ in range(50))
                    if 429 in statuses:
                        refused.set()

        thread = threading.Thread(target=flood)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(stop.set)
        self.assertTrue(refused.wait(DEADLINE_S))
        with RawHttp(server) as publisher:
            for _ in range(200):
                publisher.send(post_bytes(event(), quiet))
                answer = publisher.read_answer()
                self.assertEqual(answer.status, 201, answer)
                self.assertEqual(stream.next()["id"], answer.json["id"])
        stop.set()
        thread.join()
        self.assertLessEqual(statuses, {201, 429})

    def test_a_stream_above_the_users_share_is_refused_before_the_upgrade(self):
        server = self.start("--max-sessions-per-user", "1")
        asyncio.run(self.open_two(server, new_user()))

    async def open_two(self, server, user):
        url = f"ws://127.0.0.1:{server.port}/api/events/subscribe?user={user}"
        async with websockets.connect(url):
            with self.assertRaises(websockets.InvalidStatusCode) as refused:
                await websockets.connect(url)
        self.assertEqual(refused.exception.status_code, 429)
        self.assertEqual(refused.exception.headers["Retry-After"], "1")

    def test_sighup_changes_the_limits_and_names_what_needs_a_restart(self):
        path = os.path.join(self.directory, "carillond.toml")
        write(path, "max_sessions_per_user = 1\n")
        server = self.start("--config", path)
        user = new_user()
        self.use(SseStream(server, user=user)).started()
        self.assertEqual(self.use(SseStream(server, user=user)).status, 429)

        write(path, "max_sessions_per_user = 2\nmax_connections = 9\ntcp_no_delay = false\n")
        server.signal(signal.SIGHUP)
        server.stderr.wait_for(r'msg="configuration reloaded"')

        self.use(SseStream(server, user=user)).started()
        self.assertEqual(metric(server, "carillon_connections_max"), 9)
        self.assertIsNotNone(server.stderr.wait_for(r"needs a restart.*key=tcp_no_delay"))


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def descriptors_of(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def cpu_s(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    unittest.main(verbosity=2)
