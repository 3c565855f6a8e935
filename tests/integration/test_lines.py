"""Batches as streams of lines, by clients that know nothing of Carillon: curl, Python's
http.client and sockets, Node's fetch."""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import unittest

from carillond import (DEADLINE_S, IntegrationTest, SseStream, event, new_user, query)

PATH = "/api/events/batch"
NDJSON = {"Content-Type": "application/x-ndjson"}
DIVISOR = int(os.environ.get("LOAD_DIVISOR", "1"))


def lines_of(events):
    return b"".join(json.dumps(each).encode() + b"\n" for each in events)


class LinesTest(IntegrationTest):
    def setUp(self):
        super().setUp()
        self.server = self.start()
        self.user = new_user()

    def total(self):
        return self.server.get("/api/events/list", user=self.user).json["totalCount"]

    def listed(self):
        page = self.server.get(query("/api/events/list", pagesize="all"), user=self.user).json
        return {each["id"]: each["sequence"] for each in page["data"]}

    def curl(self, *arguments, **options):
        url = f"http://127.0.0.1:{self.server.port}{PATH}?user={self.user}"
        process = subprocess.Popen(
            ["curl", "--silent", "--show-error", "--no-buffer", "--request", "POST", "--header",
             "Content-Type: application/x-ndjson", *arguments, url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def test_curl_gets_each_result_before_it_sends_the_next_line(self):
        curl = self.curl("--upload-file", ".")  # as "-", but reads the answer meanwhile
        for number in range(1, 21):
            curl.stdin.write(lines_of([event(description=str(number))]))
            curl.stdin.flush()
            result = json.loads(curl.stdout.readline())
            self.assertEqual(result["line"], number)
            stored = self.server.get(f"/api/events/{result['id']}", user=self.user).json
            self.assertEqual(stored["description"], str(number))
            self.assertEqual(stored["sequence"], result["sequence"])
        curl.stdin.close()
        self.assertEqual(curl.stdout.read(), b"")
        self.assertEqual(curl.wait(DEADLINE_S), 0)

    def test_curl_streams_more_than_any_other_body_may_have(self):
        count = 50_000 // DIVISOR
        results = self.curl("--upload-file", "-")
        body = lines_of(event(description=str(number)) for number in range(count))
        writer = threading.Thread(target=lambda: (results.stdin.write(body),
                                                  results.stdin.close()))
        writer.start()
        seen = [json.loads(line) for line in results.stdout]
        writer.join()

        self.assertEqual(results.wait(DEADLINE_S), 0)
        self.assertEqual([each["line"] for each in seen], list(range(1, count + 1)))
        sequences = [each["sequence"] for each in seen]
        self.assertEqual(sequences, sorted(set(sequences)))
        self.assertEqual(self.total(), count)

    def test_a_client_that_writes_all_before_it_reads_gets_every_result(self):
        count = 5_000
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=DEADLINE_S)
        self.addCleanup(connection.close)
        for chunked in (False, True):
            body = lines_of(event() for _ in range(count))
            connection.request("POST", f"{PATH}?user={self.user}",
                               body=iter([body]) if chunked else body, headers=NDJSON,
                               encode_chunked=chunked)
            answer = connection.getresponse()  # the same connection both times
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.getheader("Content-Type"), "application/x-ndjson")
            results = [json.loads(line) for line in answer.read().splitlines()]
            self.assertEqual([each["line"] for each in results], list(range(1, count + 1)))
        self.assertEqual(self.total(), 2 * count)

    def test_node_writes_its_body_while_it_reads_the_answer(self):
        script = pathlib.Path(__file__).with_name("lines_client.mjs")
        url = f"http://127.0.0.1:{self.server.port}{PATH}?user={self.user}"
        done = subprocess.run([os.environ["NODE"], script, url, "50"], check=True,
                              capture_output=True, text=True, timeout=2 * DEADLINE_S)

        results = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual({each["id"]: each["sequence"] for each in results}, self.listed())
        self.assertEqual([each["line"] for each in results], list(range(1, 51)))

    def test_a_bad_line_is_answered_in_its_place(self):
        bad = [event(severity="loud"), "text", {"category": "x"}]
        curl = self.curl("--data-binary", "@-")
        out, _ = curl.communicate(lines_of([event(), *bad]) + b"\n{\n" + lines_of([event()]),
                                  DEADLINE_S)

        results = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([each["line"] for each in results], [1, 2, 3, 4, 6, 7])
        self.assertEqual(["id" in each for each in results],
                         [True, False, False, False, False, True])
        for each in results[1:5]:
            self.assertEqual(set(each), {"line", "error", "code", "details"})
        self.assertEqual(self.total(), 2)

    def test_subscribers_get_the_lines_in_their_order(self):
        stream = self.use(SseStream(self.server, user=self.user)).started()
        curl = self.curl("--data-binary", "@-")
        out, _ = curl.communicate(lines_of(event() for _ in range(500)), DEADLINE_S)

        received = [stream.next()["id"] for _ in range(500)]
        self.assertEqual(received, [json.loads(line)["id"] for line in out.splitlines()])

    def test_a_stream_sent_again_after_a_kill_changes_nothing(self):
        count = 300
        body = lines_of(event(id=new_user()) for _ in range(count))
        first, _ = self.curl("--data-binary", "@-").communicate(body, DEADLINE_S)
        self.server.kill()
        self.server = self.start()
        again, _ = self.curl("--data-binary", "@-").communicate(body, DEADLINE_S)

        results = [json.loads(line) for line in first.splitlines()]
        self.assertEqual(len(results), count)
        self.assertEqual([{**each, "duplicate": True} for each in results],
                         [json.loads(line) for line in again.splitlines()])
        self.assertEqual(self.total(), count)

    def test_what_was_answered_before_a_kill_is_there_after_it(self):
        curl = self.curl("--upload-file", ".", stderr=subprocess.DEVNULL)
        stopped = threading.Event()

        def write():
            line = lines_of([event()]) * 100
            try:
                while not stopped.is_set():
                    curl.stdin.write(line)
            except BrokenPipeError:
                pass

        writer = threading.Thread(target=write)
        writer.start()
        acknowledged = [json.loads(curl.stdout.readline()) for _ in range(3_000 // DIVISOR)]
        self.server.kill()
        for line in curl.stdout:
            if line.endswith(b"\n"):
                acknowledged.append(json.loads(line))
        stopped.set()
        curl.wait(DEADLINE_S)
        writer.join()
        self.server = self.start()

        for each in (acknowledged[0], acknowledged[len(acknowledged) // 2], acknowledged[-1]):
            stored = self.server.get(f"/api/events/{each['id']}", user=self.user).json
            self.assertEqual(stored["sequence"], each["sequence"])
        self.assertGreaterEqual(self.total(), len(acknowledged))

    def test_a_drain_ends_the_stream_with_a_line_that_says_so(self):
        connection = socket.create_connection(("127.0.0.1", self.server.port), DEADLINE_S)
        self.addCleanup(connection.close)
        line = lines_of([event()])
        connection.sendall(f"POST {PATH}?user={self.user} HTTP/1.1\r\nHost: x\r\n"
                           "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n"
                           "\r\n".encode() + b"%x\r\n%b\r\n" % (len(line), line))
        reader = connection.makefile("rb")
        self.addCleanup(reader.close)
        while not (seen := reader.readline()).startswith(b'{"line":1,"id"'):
            self.assertNotEqual(seen, b"")
        self.server.signal(signal.SIGTERM)
        rest = reader.read()

        last = next(json.loads(each) for each in rest.splitlines() if each.startswith(b"{"))
        self.assertEqual((last["line"], last["code"]), (2, "draining"))
        self.assertTrue(rest.endswith(b"\r\n0\r\n\r\n"))
        connection.close()
        self.assertEqual(self.server.process.wait(DEADLINE_S), 0)

    def test_a_client_that_vanishes_loses_nothing_that_was_taken(self):
        connection = socket.create_connection(("127.0.0.1", self.server.port), DEADLINE_S)
        body = lines_of(event() for _ in range(200))
        connection.sendall(f"POST {PATH}?user={self.user} HTTP/1.1\r\nHost: x\r\n"
                           "Content-Type: application/x-ndjson\r\nContent-Length: 1000000\r\n"
                           "\r\n".encode() + body + b'{"category":"cut"')
        with connection.makefile("rb") as reader:
            while not reader.readline().startswith(b'{"line":200,"id"'):
                pass
        connection.close()

        self.assertEqual(self.total(), 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
