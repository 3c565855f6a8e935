"""A full disk under the whole server: nobody live is hurt, nothing accepted is lost.

On a tmpfs of its own, so where that may be mounted.
"""

import os
import subprocess
import time
import unittest

from carillond import (DEADLINE_S, Connection, IntegrationTest, SseStream, event, metric,
                       new_user, query)

DISK_BYTES = 96 << 20
QUEUE_BYTES = 1 << 20
AT_ONCE = {"Prefer": "respond-async"}


class FullDiskTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.disk = os.path.join(self.directory, "disk")
        os.mkdir(self.disk)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs",
                                  self.disk], capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            if os.environ.get("CI") == "true" and os.geteuid() == 0:
                self.fail(f"this root can't mount a tmpfs: {mounted.stderr}")
            self.skipTest(f"needs the right to mount a tmpfs: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "--lazy", self.disk], check=True)
        self.data_dir = os.path.join(self.disk, "data")
        self.server = self.start("--threads", "1", "--max-queued-bytes", str(QUEUE_BYTES))
        self.user = new_user()
        self.connection = Connection(self.server)
        self.addCleanup(self.connection.close)

    def fill(self):
        with open(os.path.join(self.disk, "filler"), "ab", buffering=0) as file:
            block = bytes(1 << 16)
            try:
                while file.write(block) == len(block):
                    pass
            except OSError:
                pass

    def make_room(self):
        os.remove(os.path.join(self.disk, "filler"))

    def post(self, number):
        return self.connection.request(
            "POST", "/api/events",
            event(description=str(number), metadata={"text": "x" * 4_000}), AT_ONCE, self.user)

    def wait_for_ready(self, status):
        end = time.monotonic() + DEADLINE_S
        while (answer := self.server.get("/readyz")).status != status:
            self.assertLess(time.monotonic(), end, f"/readyz still says {answer}")
        return answer

    def accept_until_full(self, stream):
        """The ids that were answered 202 and heard at once, and the answer when there was no room.

        A writer that is only slow fills the queue, too, and what the store gives up on the disk,
        such as an old log, is room again: so until the store itself says that it can't write.
        """
        accepted = []
        end = time.monotonic() + DEADLINE_S
        while True:
            answer = self.post(len(accepted))
            if answer.status == 202:
                accepted.append(answer.json["id"])
                self.assertEqual(stream.next()["id"], accepted[-1])
                self.assertLess(len(accepted), 20_000, "the queue has no end")
                continue
            self.fill()
            if self.server.get("/readyz").status == 503:
                return accepted, answer
            self.assertLess(time.monotonic(), end, "the disk is not full")

    # Goal: guarantee 5: fan-out goes on, publishing answers 503 + Retry-After once the
    # queue is full, health says so, and it recovers by itself with everything accepted.
    # Method: the disk is filled, then events are published until one is refused; a
    # subscriber hears them meanwhile; then there is room.
    def test_nothing_accepted_is_lost_and_nobody_live_is_hurt(self):
        stream = self.use(SseStream(self.server, user=self.user)).started()
        durable = self.server.publish(self.user)["id"]
        self.assertEqual(stream.next()["id"], durable)
        self.fill()

        accepted, refusal = self.accept_until_full(stream)
        self.assert_refusal(refusal, 503)
        self.assertGreaterEqual(int(refusal.headers["Retry-After"]), 1)
        self.assertGreater(len(accepted), QUEUE_BYTES // 10_000)
        self.wait_for_ready(503)
        self.assertEqual(self.server.get("/healthz").status, 200)  # alive: do not restart it
        self.assertEqual(metric(self.server, "carillon_store_writable"), 0)
        self.assertEqual(self.server.get(f"/api/events/{durable}", user=self.user).status, 200)

        self.make_room()
        self.wait_for_ready(200)
        self.wait_for_metric(self.server, "carillon_store_queued_events", 0)
        self.assertEqual(self.server.publish(self.user)["description"], "")  # 201, so all before it
        self.assert_listed([durable, *accepted])
        self.server.kill()
        self.server = self.start()
        self.assert_listed([durable, *accepted])

    def assert_listed(self, ids):
        page = self.server.get(query("/api/events/list", pagesize="all", sort="created_at",
                                     order="asc"), user=self.user).json
        listed = [each["id"] for each in page["data"]]
        self.assertEqual(listed[:-1], ids)
        self.assertEqual(page["totalCount"], len(ids) + 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
