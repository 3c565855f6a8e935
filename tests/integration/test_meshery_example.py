"""The example of Meshery's documentation against a server with default options.

The example stands in README.md, word for word; this runs it from there, with the two
variables that it leaves to its reader set in front of it. Port 9081 is fixed, so ctest
runs this test alone (RESOURCE_LOCK port_9081), and it waits while another build's has it.
"""

import asyncio
import json
import os
import re
import subprocess
import time
import unittest
import uuid

import websockets

from carillond import DEADLINE_S, IntegrationTest, Lines

HERE = os.path.dirname(os.path.abspath(__file__))
README = os.path.join(HERE, "..", "..", "README.md")


def node(script, *arguments):
    return [os.environ.get("NODE", "node"), os.path.join(HERE, script), *arguments]


def documented_example(payload):
    """README's block of JavaScript, with its reader's two variables."""
    with open(README, encoding="utf-8") as readme:
        example = re.search(r"^```javascript\n(.*?)^```", readme.read(), re.M | re.S).group(1)
    return f'const clientId = "ui";\nconst eventPayload = {json.dumps(payload)};\n{example}'


class MesheryExampleTest(IntegrationTest):
    def test_the_documented_client_reaches_every_kind_of_subscriber_and_the_inbox(self):
        server = self.start_by_default()
        self.assertEqual(server.url, "http://127.0.0.1:9081")
        mark = str(uuid.uuid4())

        by_websocket, by_sse = asyncio.run(self.publish_and_receive(server, mark))
        for received in (by_websocket, by_sse):
            self.assertEqual(received["metadata"], {"mark": mark})
            self.assertEqual(received["severity"], "informational")
            self.assertEqual(received["category"], "client_event")
        self.assertEqual(by_websocket["id"], by_sse["id"])
        self.assertIn("cursor", by_websocket)

        self.assertEqual(server.stop(), 0)
        again = self.start_by_default()
        listed = again.get("/api/events/list").json["data"]
        self.assertEqual([event["id"] for event in listed], [by_sse["id"]])
        self.assertEqual(listed[0]["metadata"], {"mark": mark})

    def start_by_default(self):
        """With the default address, as soon as nobody else has it."""
        end = time.monotonic() + DEADLINE_S
        while True:
            try:
                return self.start(listen=None)
            except RuntimeError as refused:
                if "in use" not in str(refused) or time.monotonic() > end:
                    raise

    async def publish_and_receive(self, server, mark):
        sse = subprocess.Popen(node("sse_client.mjs", f"{server.url}/api/events/subscribe", "1"),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(sse.wait, DEADLINE_S)
        self.addCleanup(sse.kill)
        self.assertTrue(Lines(sse.stderr).wait_for("^open$"))

        async with websockets.connect("ws://127.0.0.1:9081/api/events/subscribe") as websocket:
            example = subprocess.run([os.environ.get("NODE", "node"), "-"], text=True,
                                     input=documented_example({"mark": mark}),
                                     capture_output=True, timeout=DEADLINE_S)
            self.assertEqual(example.stdout, "Event sent successfully\n", example.stderr)
            frame = await asyncio.wait_for(websocket.recv(), DEADLINE_S)
        out = sse.stdout.readline()
        self.assertEqual(sse.wait(DEADLINE_S), 0)
        sse.stdout.close()
        return json.loads(frame), json.loads(out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
