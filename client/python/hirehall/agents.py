"""What a worker offers: functions with names, versions and the types of task they do."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .attempt import Attempt
from .bids import Bid

Function = Callable[[Attempt], Any]


@dataclass(frozen=True)
class Agent:
    name: str
    types: Sequence[str]
    function: Function
    version: str = "1"
    description: str = ""
    capabilities: Sequence[str] = ()
    tools: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    tier: int = 0
    price: float | Mapping[str, Any] | None = None
    breaker: bool | Mapping[str, int] = False
    fallbacks: Sequence[str] = ()
    services: Sequence[str] = ()
    bid: Bid | None = None
    max_instances: int = 0

    def offer(self) -> dict[str, Any]:
        """As register_worker wants it. The digest is that of what is declared: one name and version may not stand for two."""
        said = {"name": self.name, "version": self.version, "types": list(self.types), "capabilities": list(self.capabilities),
                "tools": list(self.tools), "labels": dict(self.labels), "tier": self.tier}  # fmt: skip
        digest = hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=16).hexdigest()
        price = {"base": self.price} if isinstance(self.price, (int, float)) else self.price
        guard: dict[str, Any] = {"fallbacks": list(self.fallbacks)} if self.fallbacks else {}
        guard |= {"services": list(self.services)} if self.services else {}
        guard |= {"breaker": {} if self.breaker is True else dict(self.breaker)} if self.breaker is not False else {}
        priced = ({"price": dict(price)} if price is not None else {}) | ({"bids": True} if self.bid else {})
        capped = {"max_instances": self.max_instances} if self.max_instances else {}
        return said | {"digest": digest} | guard | priced | capped

    def __post_init__(self) -> None:
        if not self.types:
            raise TypeError(f"agent {self.name}: name the types of task it does")
        if not callable(self.function) or inspect.isasyncgenfunction(self.function):
            raise TypeError(f"agent {self.name} is not a function of one attempt")
