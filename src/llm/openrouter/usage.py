"""Counts what the calls of one generation or answer use, from what their streams report."""

import math
from dataclasses import dataclass, field
from functools import reduce

from openai.types.chat import ChatCompletionChunk

from src.domain.plan import ModelUsage


@dataclass
class UsageMeter:
    """The usage of one generation or answer so far, and the retries that it has left."""

    model: str
    retries_left: int
    calls: int = 0
    retries: int = 0
    citations: dict[str, str] = field(default_factory=dict)
    """The titles of the pages that a web search cited, by their URL."""
    usage_by_call: dict[int, ModelUsage] = field(default_factory=dict)
    """The latest report of each call, by its number; some servers report more than once."""

    def usage(self) -> ModelUsage:
        """Return the sum over all calls."""
        counted = ModelUsage(model=self.model, calls=self.calls, retries=self.retries)
        return reduce(ModelUsage.plus, (*self.usage_by_call.values(), counted))

    def record_chunk(self, call: int, chunk: ChatCompletionChunk) -> None:
        """Record what a chunk reports beside its text; `call` counts from 1."""
        self.model = chunk.model or self.model
        if chunk.usage is not None:
            cost = (chunk.usage.model_extra or {}).get("cost")
            if not isinstance(cost, int | float) or not 0 <= cost < math.inf:
                before = self.usage_by_call.get(call)
                cost = before and before.cost_dollars
            self.usage_by_call[call] = ModelUsage(
                model=self.model,
                priced_calls=int(cost is not None),
                prompt_tokens=chunk.usage.prompt_tokens,
                completion_tokens=chunk.usage.completion_tokens,
                cost_dollars=cost,
            )
        for choice in chunk.choices or ():
            for annotation in (choice.delta.model_extra or {}).get("annotations") or ():
                cited = annotation.get("url_citation") or {}
                if isinstance(cited.get("url"), str):
                    self.citations[cited["url"]] = str(cited.get("title") or cited["url"])
