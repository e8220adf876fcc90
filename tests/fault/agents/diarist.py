"""The agent of diarist.md: JSON lines on stdin and stdout."""

import json
import os
import sys
import time

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def in_hex(id_):
    value = 0
    for letter in id_:
        value = value * 32 + CROCKFORD.index(letter)
    return f"{value:032x}"


with open(os.environ["HALL_DIARY"], "a", buffering=1) as diary:
    for line in sys.stdin:
        run = json.loads(line).get("run")
        if run:
            row = [time.monotonic(), in_hex(run["id"]), run["attempt"]]
            diary.write(json.dumps(["begin", *row]) + "\n")
            row[0] = time.monotonic()
            diary.write(json.dumps(["end", *row]) + "\n")
            print(json.dumps({"result_base64": run["payload_base64"]}), flush=True)
