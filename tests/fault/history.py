"""The history checker: it reads what the clients wrote down and the final dump of the broker, nothing else.

Histories are those of load_client.py. check() returns a list of findings; an empty one means: every acknowledged task is there
exactly once with the right result (I1, I2), nothing was recorded twice (I3), what was pushed is what is recorded (I5).
"""

import json
from collections import Counter

from integration import hirehall_wire as wire


def read(path):
    """(sent: batch -> payloads, acked: batch -> ids, ended: list of (id, state, result)) of one client."""
    sent, acked, ended = {}, {}, []
    with open(path) as file:
        for line in file:
            try:
                row = json.loads(line)
            except ValueError:
                continue  # torn by kill -9 of the client, before anything was sent
            if row[0] == "send":
                sent[row[1]] = row[2]
            elif row[0] == "ack":
                acked.setdefault(row[1], row[2])
            elif row[0] == "end":
                ended.append(tuple(row[1:]))
    return sent, acked, ended


def dump(client, window=200):
    """Every task the broker knows, by id in hex: the walk of `list`, then `get` of each."""
    ids = [task["id"] for task in client.walk(limit=1000)]
    tasks, requests = {}, []
    for id_ in ids + [None] * window:
        if id_ is not None:
            requests.append((id_, client.post(wire.GET, {"id": id_})))
        if requests and (len(requests) >= window or id_ is None):
            done, request = requests.pop(0)
            tasks[done.hex()] = client.fetch(request)
    repeated = [id_.hex() for id_, count in Counter(ids).items() if count > 1]
    return tasks, repeated


def check(histories, tasks, repeated, right_result=lambda payload: payload):
    findings = [f"{id_} is listed twice" for id_ in repeated]
    known = {}
    for path in histories:
        sent, acked, ended = read(path)
        findings += _check_acknowledged(path, sent, acked, tasks, right_result)
        for payloads in sent.values():
            known.update((payload, path) for payload in payloads)
        for id_, state, result in ended:
            task = tasks.get(id_)
            if task is None or (task["state"], _text(task.get("result"))) != (state, result):
                findings.append(f"{path}: {id_} was pushed as {state} {result!r}, recorded is {_brief(task)}")
        unseen = {id_ for ids in acked.values() for id_ in ids} - {id_ for id_, _, _ in ended}
        findings += [f"{path}: the end of {id_} was never pushed" for id_ in sorted(unseen)]
    payloads = Counter(_text(task.get("payload")) for task in tasks.values())
    findings += [f"{payload!r} was recorded {count} times" for payload, count in payloads.items() if count > 1]
    findings += [f"{payload!r} was never sent" for payload in payloads if payload not in known]
    findings += [f"{id_} has {len(over)} successful attempts" for id_, task in tasks.items()
                 if len(over := [h for h in task.get("history", []) if h["outcome"] == "succeeded"]) != 1]
    return findings


class Verdict:
    """The figures of one run: what was acknowledged and is gone, and what is there twice."""

    def __init__(self, histories, tasks):
        acked = [id_ for path in histories for ids in read(path)[1].values() for id_ in ids]
        payloads = Counter(_text(task.get("payload")) for task in tasks.values())
        self.acknowledged = len(acked)
        self.lost = sum(id_ not in tasks for id_ in acked)
        self.recorded_twice = sum(count - 1 for count in payloads.values())


def _check_acknowledged(path, sent, acked, tasks, right_result):
    findings = []
    ids = [id_ for batch in acked.values() for id_ in batch]
    findings += [f"{path}: {id_} was given out {count} times" for id_, count in Counter(ids).items() if count > 1]
    for batch, answers in acked.items():
        if len(answers) != len(sent[batch]):
            findings.append(f"{path}: batch {batch} of {len(sent[batch])} items got {len(answers)} answers")
        for payload, id_ in zip(sent[batch], answers):
            task = tasks.get(id_)
            if task is None:
                findings.append(f"{path}: {id_} ({payload!r}) was acknowledged and is gone")
            elif _text(task.get("payload")) != payload:
                findings.append(f"{path}: {id_} holds {task.get('payload')!r}, sent was {payload!r}")
            elif task["state"] != "succeeded" or _text(task.get("result")) != right_result(payload):
                findings.append(f"{path}: {id_} ({payload!r}) ended as {_brief(task)}")
    return findings


def _text(data):
    return data.decode(errors="replace") if isinstance(data, bytes) else (data or "")


def _brief(task):
    if task is None:
        return "nothing"
    return {key: task.get(key) for key in ("state", "result", "error", "attempt", "losses", "failures")}
