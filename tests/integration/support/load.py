"""Publishing as fast as one process can: pipelined requests over several connections."""

import re
import selectors
import threading

from carillond import post_bytes

STATUS = re.compile(rb"HTTP/1\.1 (\d+)")
LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: (\d+)")
ID = re.compile(rb'"id":"([0-9a-f-]{36})"')
OWNER = re.compile(rb'"owner":"([0-9a-f-]{36})"')
SEQUENCE = re.compile(rb'"sequence":(\d+)')


class Acknowledged:
    """One event that was answered 201."""

    __slots__ = ("id", "owner", "sequence")

    def __init__(self, body):
        self.id = ID.search(body)[1].decode()
        self.owner = OWNER.search(body)[1].decode()
        self.sequence = int(SEQUENCE.search(body)[1])


class Publisher:
    """One connection: keeps `window` requests in flight and collects the answers.

    `requests` yields the bytes of one request at a time, and ends when it likes.
    """

    def __init__(self, server, requests, window):
        self.socket = server.socket()
        self.acknowledged = []
        self.refused = []  # status codes other than 201
        self.cut_off = False  # the connection ended within an answer
        self.in_flight = 0
        self._requests = requests
        self._window = window
        self._buffer = b""
        self._exhausted = False

    def fill(self):
        """Sends what the window has room for."""
        batch = []
        while self.in_flight < self._window and not self._exhausted:
            request = next(self._requests, None)
            if request is None:
                self._exhausted = True
                break
            batch.append(request)
            self.in_flight += 1
        if batch:
            self.socket.sendall(b"".join(batch))

    def done(self):
        return self._exhausted and self.in_flight == 0

    def receive(self):
        """Takes what has come; False if the connection has ended."""
        try:
            chunk = self.socket.recv(1 << 20)
        except ConnectionResetError:
            chunk = b""
        if not chunk:
            self.cut_off = bool(self._buffer)
            return False
        data = self._buffer + chunk
        at = 0
        while (end := data.find(b"\r\n\r\n", at)) >= 0:
            head = data[at:end + 2]
            body_at = end + 4
            length = LENGTH.search(head)
            body_end = body_at + (int(length[1]) if length else 0)
            if body_end > len(data):
                break
            self.take(int(STATUS.match(head)[1]), data[body_at:body_end])
            at = body_end
        self._buffer = data[at:]
        return True

    def take(self, status, body):
        self.in_flight -= 1
        if status == 201:
            self.acknowledged.append(Acknowledged(body))
        else:
            self.refused.append(status)


def publish_all(publishers):
    """Drives the publishers until each is done or its connection has ended."""
    with selectors.DefaultSelector() as selector:
        for publisher in publishers:
            publisher.socket.settimeout(60)
            publisher.fill()
            if not publisher.done():
                selector.register(publisher.socket, selectors.EVENT_READ, publisher)
        while selector.get_map():
            ready = selector.select(60)
            if not ready:
                raise TimeoutError(f"no answer within 60 s to "
                                   f"{sum(p.in_flight for p in publishers)} requests")
            for key, _ in ready:
                publisher = key.data
                alive = publisher.receive()
                try:
                    if alive:
                        publisher.fill()
                except (BrokenPipeError, ConnectionResetError):
                    alive = False
                if not alive or publisher.done():
                    selector.unregister(publisher.socket)
                    publisher.socket.close()


def endless(make_request):
    while True:
        yield make_request()


class BackgroundLoad:
    """Publishers in a thread, until they are told to stop or the server is gone."""

    def __init__(self, server, connections, window, users):
        self._stop = threading.Event()
        self._reached = threading.Condition()
        self._count = 0
        self.publishers = [Publisher(server, self._requests(number, users), window)
                           for number in range(connections)]
        self._thread = threading.Thread(target=publish_all, args=(self.publishers,))

    def _requests(self, number, users):
        count = 0
        while not self._stop.is_set():
            user = users[(number + count) % len(users)]
            count += 1
            with self._reached:
                self._count += 1
                self._reached.notify_all()
            yield post_bytes({"category": "load", "action": "publish", "severity": "debug",
                              "metadata": {"connection": number, "index": count}}, user)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def wait_until_sent(self, count):
        with self._reached:
            if not self._reached.wait_for(lambda: self._count >= count, 60):
                raise TimeoutError(f"only {self._count} of {count} events within 60 s")

    def acknowledged(self):
        return [event for publisher in self.publishers for event in publisher.acknowledged]
