"""The same client for asyncio: every call of Client that waits is a coroutine here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Unpack

from .client import Client, Refused
from .errors import HirehallError, TimedOut
from .options import TaskOptions
from .results import Position, Result
from .task import Task

_LOOK_SECONDS = 0.5  # a cancelled iteration over results ends its helper thread within this


class AsyncClient:
    """Takes what Client takes; `async with` connects and closes. `sync` is the Client below."""

    def __init__(self, broker: str | None = None, **options: Any):
        self._make: Callable[[], Client] = lambda: Client(broker, **options)
        self.sync: Client

    async def __aenter__(self) -> AsyncClient:
        self.sync = await asyncio.to_thread(self._make)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self, timeout: float = 5.0) -> None:
        await asyncio.to_thread(self.sync.close, timeout)

    async def submit(self, type: str, data: Any = None, **options: Unpack[TaskOptions]) -> str:
        if self.sync.buffer_full:
            return await asyncio.wrap_future(await asyncio.to_thread(self.sync.submit_async, type, data, **options))
        return await asyncio.wrap_future(self.sync.submit_async(type, data, **options))

    async def submit_many(self, type: str, posts: Iterable[Any], *, atomic: bool = False, **options: Unpack[TaskOptions]) -> list[str]:
        future = await asyncio.to_thread(self.sync.submit_many_async, type, posts, atomic=atomic, **options)
        answers = await asyncio.wrap_future(future)
        if any(isinstance(answer, HirehallError) for answer in answers):
            raise Refused(answers)
        return [str(answer) for answer in answers]

    async def run(self, type: str, data: Any = None, **options: Unpack[TaskOptions]) -> Any:
        return (await self.wait(await self.submit(type, data, **options))).result_or_raise()

    async def wait(self, id: str, timeout: float | None = None) -> Task:
        return await asyncio.wrap_future(self.sync.wait_async(id, timeout))

    async def get(self, id: str) -> Task:
        return await asyncio.to_thread(self.sync.get, id)

    async def cancel(self, *tasks: str, reason: str = "", grace: float = 10.0) -> Mapping[str, HirehallError | None]:
        return await asyncio.to_thread(lambda: self.sync.cancel(*tasks, reason=reason, grace=grace))

    async def results(self, *, queue: str | None = None, position: Position | None = None) -> AsyncIterator[Result]:
        """`async for result in client.results():`"""
        with await asyncio.to_thread(lambda: self.sync.results(queue=queue, position=position)) as results:
            while True:
                try:
                    yield await asyncio.to_thread(results.next, _LOOK_SECONDS)
                except TimedOut:
                    continue
