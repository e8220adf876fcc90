"""Client and worker of Hirehall, a durable task queue. Start at Client and Worker; docs/python.md is the guide."""

from .aio import AsyncClient
from .client import Client, Post, Refused, default_endpoint
from .errors import *  # noqa: F403
from .options import TaskOptions
from .results import Result, Results
from .task import AttemptRecord, Failure, Task, TaskCancelled, TaskError, TaskExpired, TaskFailed
from .attempt import Attempt, Failed, HandBack, Snooze, Stopped, Suspend
from .bids import Call
from .worker import Worker
