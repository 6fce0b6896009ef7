"""Counts what the calls of one generation or answer use, from what their streams report."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce

from src.domain.plan import ModelUsage
from src.llm.openrouter.chunks import Chunk

logger = logging.getLogger(__name__)

MAX_RESERVATIONS = 20
"""How many times its reservation a generation or an answer may cost at most."""

MAX_TOKENS_OF_CALL = 10_000_000
"""More than any context has; a larger number in a report is nonsense."""


@dataclass
class UsageMeter:
    """The usage of one generation or answer so far, and the retries and time that it has left."""

    model: str
    retries_left: int
    deadline: float = math.inf
    """When the generation or answer ends, on the clock of `time.monotonic`."""
    max_dollars: float = math.inf
    """The most that counts as its cost: a wrong report must not use up the budget of everybody."""
    calls: int = 0
    retries: int = 0
    lasting_failures: int = 0
    """How many calls in a row failed for a reason that looks lasting."""
    citations: dict[str, str] = field(default_factory=dict)
    """The titles of the pages that a web search cited, by their URL."""
    usage_by_call: dict[int, ModelUsage] = field(default_factory=dict)
    """The latest report of each call, by its number; some servers report more than once."""

    def usage(self) -> ModelUsage:
        """Return the sum over all calls."""
        counted = ModelUsage(model=self.model, calls=self.calls, retries=self.retries)
        usage = reduce(ModelUsage.plus, (*self.usage_by_call.values(), counted))
        if usage.cost_dollars is None or usage.cost_dollars <= self.max_dollars:
            return usage
        logger.error(
            "the model's server reports a cost of $%.2f; $%.2f of it count",
            usage.cost_dollars,
            self.max_dollars,
        )
        return usage.model_copy(update={"cost_dollars": self.max_dollars})

    def record_chunk(self, call: int, chunk: Chunk) -> None:
        """Record what a chunk reports beside its text; `call` counts from 1."""
        self.model = chunk.model or self.model
        if chunk.usage is not None:
            self.usage_by_call[call] = self._usage_of(chunk.usage, self.usage_by_call.get(call))
        for annotation in chunk.annotations:
            cited = annotation.get("url_citation") if isinstance(annotation, dict) else None
            if isinstance(cited, dict) and isinstance(cited.get("url"), str):
                self.citations[cited["url"]] = str(cited.get("title") or cited["url"])

    def _usage_of(self, report: Mapping[str, object], before: ModelUsage | None) -> ModelUsage:
        """Return a report's usage; what it lacks is taken from the one before."""
        before = before or ModelUsage(model=self.model)
        cost = _number(report.get("cost"))
        cost = before.cost_dollars if cost is None else cost
        prompt = token_count(report.get("prompt_tokens"))
        completion = token_count(report.get("completion_tokens"))
        return ModelUsage(
            model=self.model,
            priced_calls=int(cost is not None),
            prompt_tokens=before.prompt_tokens if prompt is None else prompt,
            completion_tokens=before.completion_tokens if completion is None else completion,
            cost_dollars=cost,
        )


def token_count(value: object) -> int | None:
    """Return a number of tokens as servers report it: a number, perhaps as text; else None."""
    number = _number(value)
    return None if number is None or number > MAX_TOKENS_OF_CALL else int(number)


def reasoning_tokens(usage: Mapping[str, object] | None) -> int:
    """Return how many of the completion's tokens were thinking; 0 if the server does not say."""
    details = (usage or {}).get("completion_tokens_details")
    return (isinstance(details, dict) and token_count(details.get("reasoning_tokens"))) or 0


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < math.inf else None
