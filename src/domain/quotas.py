"""How much anyone may ask for: the limits, as the database is asked to keep them."""

from typing import Literal
from uuid import UUID, uuid4

from pydantic import Field

from src.domain.vocabulary import Value

HOUR_SECONDS = 3_600
DAY_SECONDS = 24 * HOUR_SECONDS

BUDGET_POLICY = "budget-per-day"
"""The name under which clients are told of the service's budget."""

ADDRESS_BUDGET_POLICY = f"{BUDGET_POLICY}-of-an-address"

Entry = Literal["generation", "question"]
"""What the ledger counts."""


class Limit(Value):
    """At most so many entries of one user or one client address in a sliding window.

    Without a window: at most so many that have not ended.
    """

    policy: str
    scope: Literal["user", "client"]
    most: int
    window_seconds: int | None


class Bounds(Value):
    """What a new entry has to keep to: limits, and dollars in a day.

    Those are of the whole service, and of one client address, which has its share alone.
    """

    limits: tuple[Limit, ...]
    budget_dollars: float
    address_budget_dollars: float


class Asker(Value):
    """Who asks: a user, from a client address that only we can tell from others."""

    user_id: UUID
    client: str


class NewQuestion(Value):
    """A question that is about to be put to the model. Its id is the asker's own choice."""

    question_id: UUID = Field(default_factory=uuid4)
    asker: Asker
    reserved_dollars: float
    """What it is counted with until its cost is known."""
