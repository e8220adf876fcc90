#!/usr/bin/python3
"""Counts lines, words and characters of the payload: a JSON string, or {"text": "..."}."""

import hirehall_agent


def run(task):
    text = task.payload["text"] if isinstance(task.payload, dict) else task.payload
    if not isinstance(text, str):
        raise hirehall_agent.Failed('the payload is a JSON string or {"text": "..."}', code="bad_payload", final=True)
    return {"lines": len(text.splitlines()), "words": len(text.split()), "characters": len(text)}


hirehall_agent.serve(run)
