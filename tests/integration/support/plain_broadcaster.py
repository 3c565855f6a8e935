"""A broadcaster that is not Carillon: POST what all streams of that topic shall hear.

As a WebSocket or SSE, in a format of its own. It can be told to lose, repeat or swap
events, so that who checks its streams can be checked.
"""

import asyncio
import base64
import hashlib
import threading
import urllib.parse

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class PlainBroadcaster:
    """Runs in a thread of its own until the `with` ends.

    `fault(number, message)` gets each topic's events, counted from 0, and returns the
    list of those to send in its place. Each message is preceded by its cursor, the
    number of messages so far; who subscribes with `Last-Event-ID` gets first what comes
    behind it. `replay(messages)` gets those and returns the ones to send in their place;
    `for_stream(index, messages)` does it for one of a topic's streams, counted from 0.
    """

    def __init__(self, fault=lambda number, message: [message], answer=b"202 Accepted",
                 replay=lambda messages: messages, accept=None,
                 for_stream=lambda index, messages: messages):
        self._fault = fault
        self._for_stream = for_stream
        self._accept = accept  # of handshakes, whatever the key
        self.keys = []  # Sec-WebSocket-Key of each handshake
        self._answer = answer
        self._streams = {}
        self._counts = {}
        self._history = {}
        self._replay = replay
        self.resumed = 0
        self.heard = []  # the texts that WebSockets sent
        self.published = 0
        self._held = None  # what waits for release(), if anything shall
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop).result(30)
        self.authority = "127.0.0.1:%d" % self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_):
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    def hold(self):
        """From now on what is published is answered, and sent to nobody."""
        self._held = []

    def release(self):
        """Sends what was held, and goes on as before."""
        def send():
            for writer, data in self._held:
                writer.write(data)
            self._held = None
        self._loop.call_soon_threadsafe(send)

    async def _end(self):
        self._server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    async def _serve(self, reader, writer):
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._request(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for streams in self._streams.values():
                streams[:] = [(w, frame) for w, frame in streams if w is not writer]
            writer.close()

    async def _request(self, head, reader, writer):
        request, *lines = head.decode().split("\r\n")
        method, target, _ = request.split(" ")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        topic = urllib.parse.parse_qs(urllib.parse.urlsplit(target).query)["topic"][0]
        streams = self._streams.setdefault(topic, [])
        if method == "POST":
            body = await reader.readexactly(int(headers["content-length"]))
            self._publish(topic, streams, body)
            writer.write(b"HTTP/1.1 " + self._answer + b"\r\nContent-Length: 0\r\n\r\n")
        elif "upgrade" in headers:
            key = dict(line.split(": ", 1) for line in lines if line)["Sec-WebSocket-Key"]
            self.keys.append(key)
            accept = self._accept or base64.b64encode(hashlib.sha1(key.encode() + GUID).digest())
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                         b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
            # The subscription stands when its message has come.
            self.heard.append(await self._read_text(reader))
            writer.write(self._websocket_frame(b"subscribed"))
            self._join(topic, headers, writer, self._websocket_frame)
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n")
            self._join(topic, headers, writer, self._sse_chunk)

    def _join(self, topic, headers, writer, frame):
        if "last-event-id" in headers:
            self.resumed += 1
            after = int(headers["last-event-id"])
            for message in self._replay(self._history.get(topic, [])[after:]):
                writer.write(frame(message))
        self._streams[topic].append((writer, frame))

    def _publish(self, topic, streams, body):
        number = self._counts.get(topic, 0)
        self._counts[topic] = number + 1
        history = self._history.setdefault(topic, [])
        for message in self._fault(number, body):
            message = b"id: %d\ndata: %s" % (len(history) + 1, message)
            history.append(message)
            for index, (writer, frame) in enumerate(streams):
                for each in self._for_stream(index, [message]):
                    if self._held is None:
                        writer.write(frame(each))
                    else:
                        self._held.append((writer, frame(each)))
        self.published += 1

    @staticmethod
    async def _read_text(reader):
        length = (await reader.readexactly(2))[1] & 0x7F
        mask = await reader.readexactly(4)
        payload = await reader.readexactly(length)
        return bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)).decode()

    @staticmethod
    def _websocket_frame(message):
        if len(message) < 126:
            return bytes([0x81, len(message)]) + message
        return bytes([0x81, 126]) + len(message).to_bytes(2, "big") + message

    @staticmethod
    def _sse_chunk(message):
        block = message + b"\n\n"
        return b"%x\r\n%s\r\n" % (len(block), block)
