"""The wire of docs/protocol.md and a client on it, written from that page alone: no source of Hirehall was opened.

Peer      one DEALER: numbered requests, their answers, pushes; says hello again and resends after a lost connection.
Client    a producer: batches with a resend window, reading and steering verbs, result streams.
The worker's half is in scripted_worker.py.
"""

import collections
import struct
import time

import msgpack
import zmq

HEADER = struct.Struct("<HBBHHQ")
MAGIC, VERSION = 0x4848, 1

HELLO, WELCOME, OK, ERROR, HEARTBEAT = 1, 2, 3, 4, 5
SUBMIT, SUBMITTED, GET, WAIT, CANCEL, LIST, ANSWER, SUBSCRIBE = 16, 17, 18, 19, 20, 21, 22, 23
RESULTS, SEEN, UNSUBSCRIBE = 25, 26, 27
QUEUE_LIST, QUEUE_SHOW, QUEUE_SET, PAUSE, RESUME, DEAD_LIST, DEAD_RETRY = 32, 33, 34, 35, 36, 37, 38
WORKER_LIST, STATS, EXPLAIN = 39, 40, 41
AGENT_LIST, AGENT_SHOW, AGENT_FORGET, DEAD_PURGE, WORKER_DRAIN = 42, 43, 44, 45, 46
DEAD_GROUPS, BULK_START, BULK_LIST, BULK_STOP, LOGS, TENANT_LIST = 96, 97, 98, 99, 100, 101
AUDIT_LIST = 117
AGENT_STATS, AGENT_UNLEARN = 128, 129
LANE_LIST = 130
BATCH_LIST, BATCH_SHOW, BATCH_CLOSE, BATCH_WAIT = range(65, 69)
CALL_FOR_BIDS, BID = 126, 127
REGISTER_WORKER, AWARD, FINISH, WORKER_HEARTBEAT, HOLDING, STOP, LOST, REPORT, DRAIN = range(48, 57)

CODES = ("ok bad_message unsupported version_mismatch unknown_session session_expired denied not_found conflict invalid "
         "too_large queue_full dead_letters_full disk_full busy out_of_order timeout stale terminal expired unavailable "
         "not_leader moved unreachable corrupt io internal").split()
LATER_CODES = {27: "bad_answer", 42: "not_unique", 43: "already_started"}
STATES = {5: "succeeded", 6: "failed", 7: "cancelled", 8: "expired"}

WINDOW = 1024          # batches a producer may have unanswered
PING_SECONDS = 0.4     # heartbeats go out this often, sooner than asked for: they find a restarted broker
CONNECT_SECONDS = 1    # a new socket waits this long for its connection; later ones come by themselves
PATIENCE = 20.0        # seconds a call may take unless it says otherwise


def code_name(number):
    return CODES[number] if 0 <= number < len(CODES) else LATER_CODES.get(number, f"code {number}")


class WireError(Exception):
    """An `error` answer."""

    def __init__(self, body):
        super().__init__(f"{body.get('code')}: {body.get('message')} [{body.get('context', '')}]")
        self.code = body.get("code")
        self.message = body.get("message", "")
        self.action = body.get("action")
        self.retry_after_ms = body.get("retry_after_ms", 0)
        self.context = body.get("context", "")


class NoAnswer(Exception):
    """Nothing came within the limit of the caller."""


class Refused:
    """One refused item of a submit: its code by name, the message, and the first id if it is a conflict."""

    def __init__(self, entry):
        self.code = code_name(entry[0])
        self.message = entry[1] if len(entry) > 1 else ""
        self.id = entry[2] if len(entry) > 2 else None

    def __repr__(self):
        return f"Refused({self.code}: {self.message})"


def frame(kind, body, request=0, version=VERSION, magic=MAGIC, flags=0):
    return HEADER.pack(magic, version, flags, kind, 0, request) + msgpack.packb(body, use_bin_type=True)


def unframe(data):
    """(kind, request, body) of a frame the broker sent; the header is checked as the page says it is written."""
    magic, version, _flags, kind, _reserved, request = HEADER.unpack_from(data)
    if (magic, version) != (MAGIC, VERSION):
        raise AssertionError(f"the broker sent a header that is not ours: {data[:16].hex()}")
    body = msgpack.unpackb(data[HEADER.size:], raw=False, strict_map_key=False)
    return kind, request, body


class Peer:
    """Not for two threads. `keys` is (server public, own public, own secret), each 40 characters of Z85."""

    role = "client"

    def __init__(self, endpoint, name="python", keys=None, context=None, recover=True):
        self.endpoint, self.name, self.keys, self.recover = endpoint, name, keys, recover
        self.context = context or zmq.Context.instance()
        self.socket = None
        self.next_request = 1
        self.unanswered = {}  # request -> frame, in order of sending
        self.answers = {}     # request -> (kind, body), answers that nobody has fetched yet
        self.pushes = collections.deque()  # (kind, body)
        self.strays = []      # errors with request 0: they belong to no request
        self.session = b""
        self.welcome = None
        self.lost_connections = 0
        self.ping_at, self.ping_request = 0.0, None
        self.open()

    def open(self):
        if self.socket is not None:
            self.socket.close(0)
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 100)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 400)
        self.socket.setsockopt(zmq.MAXMSGSIZE, 2 << 20)
        if self.keys:
            self.socket.curve_serverkey, self.socket.curve_publickey, self.socket.curve_secretkey = (
                key.encode() for key in self.keys)
        self.socket.connect(self.endpoint)
        self.socket.poll(CONNECT_SECONDS * 1000, zmq.POLLOUT)

    def close(self):
        if self.socket is not None:
            self.socket.close(0)
            self.socket = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # Sending and receiving.

    def raw(self, *frames, limit=PATIENCE):
        """Sends bytes as they are; waits for the connection, not for an answer."""
        if not self.socket.poll(int(limit * 1000), zmq.POLLOUT):
            raise NoAnswer(f"{self.endpoint}: no connection within {limit} s")
        self.socket.send_multipart(frames)

    def post(self, kind, body):
        """Sends a request and returns its number; fetch() waits for the answer."""
        request, self.next_request = self.next_request, self.next_request + 1
        self.unanswered[request] = frame(kind, body, request)
        self._try_send(self.unanswered[request])
        return request

    def note(self, kind, body):
        self._try_send(frame(kind, body, 0))

    def _try_send(self, data):
        try:
            self.socket.send(data, zmq.NOBLOCK)
        except zmq.Again:
            pass  # no connection now: what is unanswered is sent again after the next hello

    def pump(self, limit):
        """Takes in what arrives, waiting at most `limit` seconds (less when a heartbeat is due); False if nothing came."""
        if self.recover and self.welcome:
            now = time.monotonic()
            if now >= self.ping_at:
                self.ping_at = now + PING_SECONDS
                self.ping()
            limit = min(limit, self.ping_at - now) if self.ping_at > now else limit
        if not self.socket.poll(max(0, int(limit * 1000))):
            return False
        while True:
            try:
                data = self.socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return True
            self._take(*unframe(data))

    def _take(self, kind, request, body):
        if kind == SUBMITTED:
            for number, batch, items in body:
                if self.unanswered.pop(number, None) is not None:
                    self.answers[number] = (SUBMITTED, (batch, items))
        elif request == 0:
            (self.strays if kind == ERROR else self.pushes).append(WireError(body) if kind == ERROR else (kind, body))
            if kind != ERROR:
                self.on_push(kind, body)
        elif kind == ERROR and body.get("code") == "unknown_session" and self.recover and self.welcome:
            if request in self.unanswered:
                self._say_hello_again()
        elif self.unanswered.pop(request, None) is not None:
            self.answers[request] = (kind, body)

    def on_push(self, kind, body):
        """For the worker."""

    def fetch(self, request, limit=PATIENCE):
        """The body of the answer; WireError if it is an error. A lost session is recovered meanwhile."""
        until = time.monotonic() + limit
        while request not in self.answers:
            now = time.monotonic()
            if now >= until:
                self.unanswered.pop(request, None)
                raise NoAnswer(f"{self.name}: request {request} to {self.endpoint} was not answered within {limit} s")
            self.pump(until - now)
        kind, body = self.answers.pop(request)
        if kind == ERROR:
            raise WireError(body)
        return body

    def ping(self):
        """A heartbeat whose answer nobody waits for: it finds out whether the broker still knows the session."""
        self.unanswered.pop(self.ping_request, None)
        self.answers.pop(self.ping_request, None)
        self.ping_request = self.post(HEARTBEAT, {})

    def call(self, kind, body, limit=PATIENCE):
        return self.fetch(self.post(kind, body), limit)

    # Sessions.

    def hello_body(self):
        body = {"min_version": 1, "max_version": 1, "role": self.role, "name": self.name, "software": "python-test"}
        if self.session:
            body["session"] = self.session
        return body

    def hello(self, limit=PATIENCE):
        """Says hello until it is answered: the first may fall into a connection that is just dying."""
        until = time.monotonic() + limit
        while True:
            request = self._send_now(HELLO, self.hello_body())
            try:
                answer = self._await_raw(request, min(1.0, max(0.0, until - time.monotonic())))
            except NoAnswer:
                if time.monotonic() >= until:
                    raise
                continue
            self.welcome = answer
            self.session = answer["session"]
            return answer

    def _send_now(self, kind, body):
        request, self.next_request = self.next_request, self.next_request + 1
        self._try_send(frame(kind, body, request))
        return request

    def _await_raw(self, request, limit):
        """Waits for one answer past the books of `unanswered`: used while these are being put right."""
        until = time.monotonic() + limit
        while True:
            left = until - time.monotonic()
            if left <= 0 or not self.socket.poll(int(left * 1000) + 1):
                raise NoAnswer(f"{self.name}: no answer to the opening of a session at {self.endpoint}")
            kind, number, body = unframe(self.socket.recv())
            if number == request and request:
                if kind == ERROR:
                    raise WireError(body)
                return body
            if not (kind == ERROR and body.get("code") == "unknown_session"):
                self._take(kind, number, body)

    def _say_hello_again(self):
        self.lost_connections += 1
        self.hello()
        self.after_hello()
        self.unanswered.pop(self.ping_request, None)
        for data in list(self.unanswered.values()):
            self._try_send(data)

    def after_hello(self):
        """What has to be said before unanswered requests are resent."""

    def reconnect(self):
        """A new connection, as after a crash of the network: nothing in flight survives."""
        self.open()
        self._say_hello_again()


class Batch:
    def __init__(self, number, templates, items, atomic):
        self.number, self.templates, self.items, self.atomic = number, templates, items, atomic
        self.request = None
        self.answer = None  # list of ids (bytes) and Refused; or a WireError: the batch as a whole was refused


class Client(Peer):
    """Submits in order, resends what is unanswered, and obeys the window."""

    def __init__(self, endpoint, **options):
        super().__init__(endpoint, **options)
        self.pending = collections.OrderedDict()  # batch number -> Batch
        self.next_batch, self.acked = 1, 0
        self.positions = {}  # subscription -> (commit, index)

    def start(self, limit=PATIENCE):
        self.hello(limit)
        self.next_batch = self.welcome["next_batch"]
        self.acked = self.next_batch - 1
        return self

    # Submitting.

    def submit_later(self, items, templates=({},), atomic=False, limit=PATIENCE):
        """Sends a batch as soon as the window has room and returns it; settle() waits for the answers."""
        self._pump_until(lambda: self.next_batch - self.acked <= WINDOW, limit)
        batch = Batch(self.next_batch, list(templates), items, atomic)
        self.next_batch += 1
        self.pending[batch.number] = batch
        self._post_batch(batch)
        return batch

    def _post_batch(self, batch):
        body = [batch.number, self.acked, batch.templates, batch.items] + ([True] if batch.atomic else [])
        batch.request = self.post(SUBMIT, body)

    def settle(self, limit=PATIENCE):
        self._pump_until(lambda: not self.pending, limit)

    def submit(self, items, templates=({},), atomic=False, limit=PATIENCE):
        """One batch: the list of ids and Refused, or the WireError it was refused with."""
        batch = self.submit_later(items, templates, atomic, limit)
        self._pump_until(lambda: batch.answer is not None, limit)
        if isinstance(batch.answer, WireError):
            raise batch.answer
        return batch.answer

    def submit_one(self, type_, payload=b"", limit=PATIENCE, **options):
        """One task: its id, or Refused."""
        return self.submit([[0, payload]], [dict(options, type=type_)], limit=limit)[0]

    def _pump_until(self, done, limit):
        until = time.monotonic() + limit
        self._collect()
        while not done():
            now = time.monotonic()
            if now >= until:
                raise NoAnswer(f"{self.name}: {len(self.pending)} batches unanswered after {limit} s")
            self.turn(until - now)

    def turn(self, limit):
        """One look at the socket, and the batches that it answered."""
        self.pump(limit)
        self._collect()

    def _collect(self):
        for batch in list(self.pending.values()):
            found = self.answers.pop(batch.request, None)
            if found is None:
                continue
            kind, body = found
            if kind == SUBMITTED:
                batch.answer = [entry if isinstance(entry, bytes) else Refused(entry) for entry in body[1]]
                del self.pending[batch.number]
            elif body.get("code") == "out_of_order" and self.pending and next(iter(self.pending)) < batch.number:
                self._post_batch(batch)  # an earlier one was refused or lost: it goes first, then this again
            else:
                batch.answer = WireError(body)
                self._give_up(batch)
        self.acked = (next(iter(self.pending)) if self.pending else self.next_batch) - 1

    def _give_up(self, batch):
        """A refused batch does not use up its number: the later ones move up."""
        later = [other for number, other in self.pending.items() if number > batch.number]
        for other in [batch] + later:
            del self.pending[other.number]
            self.unanswered.pop(other.request, None)
        for other in later:
            other.number -= 1
            self.pending[other.number] = other
            self._post_batch(other)
        self.next_batch -= 1

    # Reading and steering.

    def get(self, id_, **options):
        return self.call(GET, dict(options, id=id_))

    def wait(self, id_, timeout_ms=15000):
        return self.call(WAIT, {"id": id_, "timeout_ms": timeout_ms}, limit=timeout_ms / 1000 + PATIENCE)

    def state(self, id_):
        return self.get(id_, payload=False, history=False)["state"]

    def cancel(self, *ids, reason="test", grace_ms=1000):
        return [code_name(n) for n in self.call(CANCEL, {"ids": list(ids), "reason": reason, "grace_ms": grace_ms})]

    def walk(self, kind=LIST, **filters):
        """All tasks of a list, page by page."""
        tasks, cursor = [], None
        while True:
            page = self.call(kind, dict(filters, **({"cursor": cursor} if cursor else {})))
            tasks += page["tasks"]
            cursor = page.get("cursor")
            if not cursor:
                return tasks

    def queue(self, name, **fields):
        return self.call(QUEUE_SET, dict(fields, queue=name))

    def queue_show(self, name):
        return self.call(QUEUE_SHOW, {"queue": name})

    def stats(self):
        return self.call(STATS, {})

    # Results as they come.

    def subscribe(self, **options):
        answer = self.call(SUBSCRIBE, dict(options, what="results"))
        self.positions[answer["subscription"]] = tuple(answer["position"])
        return answer

    def results(self, done, limit=PATIENCE):
        """Yields (id, state, result, error) of pushes until done() is true."""
        until = time.monotonic() + limit
        while True:
            while self.pushes:
                kind, body = self.pushes.popleft()
                if kind != RESULTS:
                    continue
                subscription, commit, index, items = body[:4]
                for item in items:
                    id_, state, result = item[:3]
                    yield id_, STATES.get(state, state), result, item[4] if len(item) > 4 else None
                self.positions[subscription] = (commit, index)
                self.note(SEEN, [subscription, commit, index])
            now = time.monotonic()
            if done() or now >= until:
                return
            self.pump(until - now)
