"""A collector of traces for the tests: takes OTLP/HTTP requests in JSON and holds each to the protocol's schema.

SCHEMA is ExportTraceServiceRequest with the messages in it (opentelemetry-proto 1.x, trace, resource and common), in the JSON mapping
of OTLP: lowerCamelCase names, ids as hexadecimal text, 64-bit numbers as decimal text, enums as numbers. A field that is not in it, or of
another type, is a fault, and faults fail the test.
"""

import http.server
import json
import re
import threading

BOUNDS = {"uint32": (0, 2**32 - 1), "fixed64": (0, 2**64 - 1), "int64": (-2**63, 2**63 - 1)}
SCHEMA = {
    "ExportTraceServiceRequest": {"resourceSpans": ["ResourceSpans"]},
    "ResourceSpans": {"resource": "Resource", "scopeSpans": ["ScopeSpans"], "schemaUrl": "string"},
    "Resource": {"attributes": ["KeyValue"], "droppedAttributesCount": "uint32"},
    "ScopeSpans": {"scope": "InstrumentationScope", "spans": ["Span"], "schemaUrl": "string"},
    "InstrumentationScope": {"name": "string", "version": "string", "attributes": ["KeyValue"], "droppedAttributesCount": "uint32"},
    "Span": {"traceId": "trace id", "spanId": "span id", "traceState": "string", "parentSpanId": "span id", "flags": "uint32", "name": "string",
             "kind": "span kind", "startTimeUnixNano": "fixed64", "endTimeUnixNano": "fixed64", "attributes": ["KeyValue"],
             "droppedAttributesCount": "uint32", "events": ["Event"], "droppedEventsCount": "uint32", "links": ["Link"],
             "droppedLinksCount": "uint32", "status": "Status"},
    "Event": {"timeUnixNano": "fixed64", "name": "string", "attributes": ["KeyValue"], "droppedAttributesCount": "uint32"},
    "Link": {"traceId": "trace id", "spanId": "span id", "traceState": "string", "attributes": ["KeyValue"], "droppedAttributesCount": "uint32",
             "flags": "uint32"},
    "Status": {"message": "string", "code": "status code"},
    "KeyValue": {"key": "string", "value": "AnyValue"},
    "AnyValue": {"stringValue": "string", "boolValue": "bool", "intValue": "int64", "doubleValue": "double", "arrayValue": "ArrayValue",
                 "kvlistValue": "KeyValueList", "bytesValue": "string"},
    "ArrayValue": {"values": ["AnyValue"]},
    "KeyValueList": {"values": ["KeyValue"]},
}
REQUIRED = {"Span": ("traceId", "spanId", "name", "startTimeUnixNano", "endTimeUnixNano"), "Link": ("traceId", "spanId"), "KeyValue": ("key", "value")}


def _scalar(kind, value, at):
    if kind in ("trace id", "span id"):
        digits = 32 if kind == "trace id" else 16
        fine = isinstance(value, str) and re.fullmatch(rf"[0-9a-f]{{{digits}}}", value) and set(value) != {"0"}
    elif kind == "string":
        fine = isinstance(value, str)
    elif kind == "bool":
        fine = isinstance(value, bool)
    elif kind == "double":
        fine = isinstance(value, (int, float)) and not isinstance(value, bool)
    elif kind in ("span kind", "status code"):
        fine = type(value) is int and 0 <= value <= (5 if kind == "span kind" else 2)
    elif kind in ("int64", "fixed64"):
        fine = isinstance(value, str) and re.fullmatch(r"-?\d+", value) and BOUNDS[kind][0] <= int(value) <= BOUNDS[kind][1]
    else:
        fine = type(value) is int and BOUNDS[kind][0] <= value <= BOUNDS[kind][1]
    return [] if fine else [f"{at}: {value!r} is no {kind}"]


def faults(value, kind="ExportTraceServiceRequest", at="request"):
    """What is wrong with a decoded message; nothing: it is as the protocol wants it."""
    if kind not in SCHEMA:
        return _scalar(kind, value, at)
    if not isinstance(value, dict):
        return [f"{at}: {value!r} is no {kind}"]
    found = [f"{at}: {name} is missing" for name in REQUIRED.get(kind, ()) if not value.get(name)]
    if kind == "AnyValue" and len(value) != 1:
        found.append(f"{at}: one value of {sorted(value)} is wanted")
    if kind == "Span" and not found and int(value["endTimeUnixNano"]) < int(value["startTimeUnixNano"]):
        found.append(f"{at}: ends before it starts")
    for name, content in value.items():
        inner = SCHEMA[kind].get(name)
        if inner is None:
            found.append(f"{at}: {kind} has no field {name}")
        elif isinstance(inner, list):
            if not isinstance(content, list):
                found.append(f"{at}.{name}: {content!r} is no list")
                continue
            for i, element in enumerate(content):
                found += faults(element, inner[0], f"{at}.{name}[{i}]")
            if inner[0] == "KeyValue" and len({e.get("key") for e in content if isinstance(e, dict)}) != len(content):
                found.append(f"{at}.{name}: a key stands there twice")
        else:
            found += faults(content, inner, f"{at}.{name}")
    return found


def plain(span):
    """A span with its attributes as a dict of plain values."""
    def value(any_value):
        (kind, content), = any_value.items()
        return int(content) if kind == "intValue" else content
    return dict(span, attributes={a["key"]: value(a["value"]) for a in span.get("attributes", [])})


class Receiver:
    """Answers each POST as `answers` says, (status, headers, body), then with 200. Takes spans of requests that it answers with 200."""

    def __init__(self, port=0):
        self.answers, self.requests, self.spans, self.faults = [], [], [], []
        self.held = threading.Event()  # clear: answers wait
        self.held.set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.held.wait()
                status, headers, answer = receiver.take(self.path, dict(self.headers), body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                try:
                    self.wfile.write(answer)
                except OSError:
                    pass

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def take(self, path, headers, body):
        status, extra, answer = self.answers.pop(0) if self.answers else (200, {}, b"{}")
        message = json.loads(body)
        found = faults(message)
        if path != "/v1/traces" or headers.get("Content-Type") != "application/json":
            found.append(f"{path} with {headers.get('Content-Type')}")
        self.faults += found
        self.requests.append((status, headers, message))
        if status == 200:
            self.spans += [plain(span) for resource in message["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]]
        return status, extra, answer

    def close(self):
        self.held.set()
        self.server.shutdown()
        self.server.server_close()
