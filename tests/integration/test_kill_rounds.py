"""kill -9 again and again, under clients of every kind: nothing acknowledged is lost.

10 rounds; KILL_ROUNDS=100 for more. Prints what it came to.
"""

import http.client
import json
import os
import random
import threading
import time
import unittest

from carillond import DEADLINE_S, IntegrationTest, SseStream, epoch_of, event, new_user, query

ROUNDS = int(os.environ.get("KILL_ROUNDS", "10"))
SEED = int(os.environ.get("CARILLON_SEED", random.randrange(1 << 32)))
USERS = 4
EVENTS_BEFORE_KILL_MAX = 600
BATCH = 25
GONE = (OSError, http.client.HTTPException)


class Acknowledgements:
    """What the publishers of one round were told, and a wait for how much it is."""

    def __init__(self, users):
        self._changed = threading.Condition()
        self.of = {user: {} for user in users}  # user -> id -> sequence
        self.count = 0
        self.problems = []

    def add(self, user, results):
        with self._changed:
            for result in results:
                if result["id"] in self.of[user]:
                    self.problems.append(f"{result['id']} was acknowledged twice")
                self.of[user][result["id"]] = result["sequence"]
            self.count += len(results)
            self._changed.notify_all()

    def problem(self, text):
        with self._changed:
            self.problems.append(text)
            self._changed.notify_all()

    def wait_for(self, count):
        with self._changed:
            if not self._changed.wait_for(lambda: self.count >= count or self.problems, DEADLINE_S):
                raise TimeoutError(f"only {self.count} of {count} events were acknowledged")


class Publisher(threading.Thread):
    """Publishes as its kind does, until the server is gone."""

    def __init__(self, kind, server, users, acknowledged, seed):
        super().__init__(daemon=True)
        self._round = {"single": self._single, "batch": self._batch, "lines": self._lines}[kind]
        self._users = users
        self._acknowledged = acknowledged
        self._random = random.Random(seed)
        self._http = http.client.HTTPConnection(server.host, server.port, timeout=DEADLINE_S)

    def run(self):
        try:
            while True:
                self._round(self._random.choice(self._users))
        except GONE:
            pass
        except Exception as unexpected:  # pylint: disable=broad-except
            self._acknowledged.problem(f"{type(unexpected).__name__}: {unexpected}")
        finally:
            self._http.close()

    def _ask(self, path, body, user, kind="application/json"):
        self._http.request("POST", path, body, {"Content-Type": kind, "X-User-Id": user})
        return self._http.getresponse()

    def _single(self, user):
        answer = self._ask("/api/events", json.dumps(event()), user)
        body = answer.read()
        if answer.status != 201:
            self._acknowledged.problem(f"{answer.status} {body}")
        self._acknowledged.add(user, [json.loads(body)])

    def _batch(self, user):
        answer = self._ask("/api/events/batch", json.dumps([event()] * BATCH), user)
        body = answer.read()
        if answer.status != 201:
            self._acknowledged.problem(f"{answer.status} {body}")
        self._acknowledged.add(user, json.loads(body)["events"])

    def _lines(self, user):
        lines = (json.dumps(event()) + "\n") * BATCH
        answer = self._ask("/api/events/batch", lines, user, "application/x-ndjson")
        for _ in range(BATCH):
            line = answer.readline()
            if not line.endswith(b"\n"):
                raise ConnectionError("the server is gone")
            self._acknowledged.add(user, [json.loads(line)])
        answer.read()


class Subscriber:
    """Hears one user through all lives of the server, each time from its cursor on.

    Where the server says that it can't resume, it lists what it missed, as clients must.
    """

    def __init__(self, user):
        self.user = user
        self.cursor = None
        self.heard = []  # (sequence, id)
        self.problems = []
        self._changed = threading.Condition()
        self._thread = None

    def resume(self, server):
        headers = f"Last-Event-ID: {self.cursor}\r\n" if self.cursor else ""
        stream = SseStream(server, user=self.user, headers=headers)
        self._thread = threading.Thread(target=self._read, args=(server, stream), daemon=True)
        self._thread.start()

    def _read(self, server, stream):
        listed_to = 0  # what is live at or before it was listed already
        try:
            with stream:
                while (block := stream.next_block()) is not None:
                    page = self._missed(server) if self._is_told_to_list(block) else None
                    with self._changed:
                        if page:
                            listed_to = self._take_page(page)
                        else:
                            self._take(block, listed_to)
                        self._changed.notify_all()
        except GONE:
            pass

    @staticmethod
    def _is_told_to_list(block):
        return block.get("event") == "reset" and "resume_not_supported" in block["data"]

    def _missed(self, server):
        return server.get(query("/api/events/list", after=self.cursor, pagesize="all"),
                          user=self.user).json

    def _take_page(self, page):
        for data in page["data"]:
            self._hear(data)
        self.cursor = page["cursor"]
        return self.heard[-1][0] if self.heard else 0

    def _take(self, block, listed_to):
        kind = block.get("event")
        if kind in ("gap", "goodbye", "reset"):
            self.problems.append(f"{kind}: {block}")
        if self.cursor is None or kind is None:  # a welcome alone has brought nothing yet
            self.cursor = block.get("id", self.cursor)
        if "data" in block and kind is None:
            data = json.loads(block["data"])
            if data["sequence"] > listed_to:
                self._hear(data)

    def _hear(self, data):
        if self.heard and data["sequence"] <= self.heard[-1][0]:
            self.problems.append(f"{data['sequence']} after {self.heard[-1][0]}")
        self.heard.append((data["sequence"], data["id"]))

    def wait_for_cursor(self):
        self._wait(lambda: self.cursor)

    def wait_for(self, sequence):
        self._wait(lambda: self.heard and self.heard[-1][0] >= sequence)

    def _wait(self, what):
        with self._changed:
            if not self._changed.wait_for(what, DEADLINE_S):
                raise TimeoutError(f"the subscriber of {self.user} stopped at {self.heard[-1:]}")

    def join(self):
        self._thread.join(DEADLINE_S)


class KillRoundsTest(IntegrationTest):
    # Goal: whenever the process is killed, every event that any client was told of is
    # there, once and in its order, and a subscriber that resumes with its cursor hears
    # everything once.
    # Method: single events, arrays and lines of publishers until a random number of
    # acknowledgements; SIGKILL; restart on the same directory; list and compare.
    def test_nothing_acknowledged_is_lost(self):
        begun = time.monotonic()
        chance = random.Random(SEED)
        users = [new_user() for _ in range(USERS)]
        subscribers = [Subscriber(user) for user in users]
        self.acknowledged = {user: {} for user in users}
        self.listed = {user: [] for user in users}  # (sequence, id), in order, of all rounds
        self.cursors = dict.fromkeys(users)
        self.epochs = set()
        for _ in range(ROUNDS):
            server = self.start()
            self.check(server, users)
            for subscriber in subscribers:
                subscriber.resume(server)
                subscriber.wait_for_cursor()
            told = Acknowledgements(users)
            publishers = [Publisher(kind, server, users, told, chance.random())
                          for kind in ("single", "single", "batch", "lines")]
            for publisher in publishers:
                publisher.start()
            told.wait_for(chance.randrange(EVENTS_BEFORE_KILL_MAX))
            server.kill()
            for thread in publishers + subscribers:
                thread.join()
            self.assertEqual(told.problems, [], f"CARILLON_SEED={SEED}")
            for user in users:
                self.assertFalse(told.of[user].keys() & self.acknowledged[user].keys())
                self.acknowledged[user].update(told.of[user])

        server = self.start()
        self.check(server, users)
        for subscriber in subscribers:
            subscriber.resume(server)
        self.check_subscribers(subscribers)
        self.check_sums(server, users)
        print(f"rounds {ROUNDS}, events acknowledged "
              f"{sum(map(len, self.acknowledged.values()))}, stored "
              f"{sum(map(len, self.listed.values()))}, heard "
              f"{sum(len(subscriber.heard) for subscriber in subscribers)}, lost 0, doubled 0, "
              f"{time.monotonic() - begun:.1f} s", flush=True)

    def check(self, server, users):
        """Lists what came since the last check: all that was acknowledged, once, in order."""
        for user in users:
            known = {id_ for _, id_ in self.listed[user]}
            for event_ in self.since(server, user):
                self.assertNotIn(event_["id"], known, "an event stands twice")
                if self.listed[user]:
                    self.assertGreater(event_["sequence"], self.listed[user][-1][0])
                known.add(event_["id"])
                self.listed[user].append((event_["sequence"], event_["id"]))
            sequences = {id_: sequence for sequence, id_ in self.listed[user]}
            for id_, sequence in self.acknowledged[user].items():
                self.assertEqual(sequences.get(id_), sequence,
                                 f"an acknowledged event is lost or moved, CARILLON_SEED={SEED}")
        self.assertLessEqual(len(self.epochs), 1, "the epoch changed although the store did not")

    def since(self, server, user):
        """The user's events behind the last cursor; the cursor goes on."""
        while True:
            begin = {"after": self.cursors[user]} if self.cursors[user] else \
                {"sort": "created_at", "order": "asc"}
            page = server.get(query("/api/events/list", pagesize="all", **begin), user=user).json
            yield from page["data"]
            self.cursors[user] = page["cursor"]
            self.epochs.add(epoch_of(page["cursor"]))
            if not page["data"]:
                return

    def check_subscribers(self, subscribers):
        for subscriber in subscribers:
            listed = self.listed[subscriber.user]
            if listed:
                subscriber.wait_for(listed[-1][0])
            self.assertEqual(subscriber.problems, [], f"CARILLON_SEED={SEED}")
            # Heard live and then lost is what was never acknowledged.
            stored = set(listed)
            self.assertEqual([each for each in subscriber.heard if each in stored], listed)
            for _, id_ in set(subscriber.heard) - stored:
                self.assertNotIn(id_, self.acknowledged[subscriber.user])

    def check_sums(self, server, users):
        for user in users:
            total = server.get("/api/events/list", user=user).json["totalCount"]
            self.assertEqual(total, len(self.listed[user]), "the counts are not exact")


if __name__ == "__main__":
    unittest.main(verbosity=2)
