"""Answers with the payload: the least that a program of kind process does (docs/agents.md)."""

import json
import sys

for line in sys.stdin:
    said = json.loads(line)
    if "run" in said:
        sys.stdout.write(json.dumps({"result": said["run"]["payload"]}) + "\n")
        sys.stdout.flush()
