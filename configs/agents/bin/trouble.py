#!/usr/bin/python3
"""Trouble on purpose: what it does is the type of the task."""

import os
import signal

import hirehall_agent


def run(task):
    if task.type == "python-flaky":
        if task.attempt <= 2:
            raise hirehall_agent.Failed("the first two attempts always fail", code="flaky")
        return "third time lucky"
    if task.type == "python-hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            signal.pause()
    print("about to crash")
    os.kill(os.getpid(), signal.SIGSEGV)


hirehall_agent.serve(run)
