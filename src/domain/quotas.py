"""Every quota, declared once with its name, default and sentence, and what the ledger checks.

To add a quota, add a field to `QuotaSettings`. For example, the environment variable
`GENERATIONS_PER_HOUR` sets the field `generations_per_hour`. The ledger enforces it as the policy
`generations-per-hour` for each user, and as `generations-per-hour-of-an-address` for all users of
one network address together.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, Self
from uuid import UUID, uuid4

from pydantic import BaseModel, Field, model_validator

from src.domain.vocabulary import Value

HOUR_SECONDS = 3_600
DAY_SECONDS = 24 * HOUR_SECONDS

EntryKind = Literal["generation", "question"]
"""What the ledger counts."""

_ADDRESS_SUFFIX = "-of-an-address"

BUDGET_POLICY = "budget-per-day"
ADDRESS_BUDGET_POLICY = f"{BUDGET_POLICY}{_ADDRESS_SUFFIX}"

FOLLOWERS_POLICY = "followers-at-once"
ADDRESS_FOLLOWERS_POLICY = f"{FOLLOWERS_POLICY}{_ADDRESS_SUFFIX}"

FOLLOWERS_PER_USER = 10
"""How many requests of one user at one network address may follow generations in one process at
once, besides those that began them: two for each of four generations, and some whose connection is
lost and not given up yet."""


@dataclass(frozen=True)
class Quota:
    """How many entries one user may make in a sliding window.

    If `window_seconds` is None, the quota limits unfinished entries instead. A learner who has used
    it up reads `span` after the limit: "You have reached the limit of 20 roadmaps per hour."
    """

    entry: EntryKind
    window_seconds: int | None
    span: str


MAX_PER_ADDRESS = 2**31 - 1
"""The largest number that the ledger can hold, PostgreSQL's `int`."""

_COUNT = Field(ge=1, le=1_000_000)


class QuotaSettings(BaseModel):
    """The settings of all quotas and of the language model's budget."""

    generations_at_once: Annotated[int, _COUNT, Quota("generation", None, "at once")] = 4
    generations_per_hour: Annotated[int, _COUNT, Quota("generation", HOUR_SECONDS, "per hour")] = 20
    generations_per_day: Annotated[int, _COUNT, Quota("generation", DAY_SECONDS, "per day")] = 60
    questions_per_hour: Annotated[int, _COUNT, Quota("question", HOUR_SECONDS, "per hour")] = 120

    learners_per_address: int = Field(default=10, ge=1, le=1_000_000)
    """The users of one network address together may use this many times one user's quota."""

    daily_budget_dollars: float = Field(default=25, ge=0, le=1_000_000)
    address_budget_share: float = Field(default=0.2, gt=0, le=1)
    # Above 0: an entry without a reservation is not checked against the budget.
    reserved_dollars_per_week: float = Field(default=0.002, gt=0, le=1_000)
    reserved_dollars_per_question: float = Field(default=0.005, gt=0, le=1_000)

    @model_validator(mode="after")
    def _check_products(self) -> Self:
        for name, _ in _QUOTAS.values():
            if getattr(self, name) * self.learners_per_address > MAX_PER_ADDRESS:
                raise ValueError(
                    f"{name.upper()} times LEARNERS_PER_ADDRESS must be at most {MAX_PER_ADDRESS:,}"
                )
        return self


_QUOTAS = {
    name.replace("_", "-"): (name, quota)
    for name, field in QuotaSettings.model_fields.items()
    for quota in field.metadata
    if isinstance(quota, Quota)
}

_NOUNS: dict[EntryKind, str] = {"generation": "roadmap", "question": "question"}


def quota_sentence(policy: str, most: int | None) -> str:
    """Return the sentence for a learner who has reached a limit.

    Raises:
        KeyError: no quota has this name.
    """
    if policy == BUDGET_POLICY:
        return "The service has used up its budget for the language model for today."
    if policy == ADDRESS_BUDGET_POLICY:
        return "Your network has used up its share of today's budget for the language model."
    if policy in {FOLLOWERS_POLICY, ADDRESS_FOLLOWERS_POLICY}:
        whose = "You wait" if policy == FOLLOWERS_POLICY else "Your network waits"
        return f"{whose} for roadmaps with {most} requests already, which is the limit."
    _, quota = _QUOTAS[policy.removesuffix(_ADDRESS_SUFFIX)]
    who = "Your network has" if policy.endswith(_ADDRESS_SUFFIX) else "You have"
    noun = _NOUNS[quota.entry] if most == 1 else f"{_NOUNS[quota.entry]}s"
    return f"{who} reached the limit of {most} {noun} {quota.span}."


class QuotaPolicy(Value):
    """A quota as the ledger enforces it: at most `most` entries per user or per client key.

    Entries count in a sliding window or, if `window_seconds` is None, until they are finished.
    """

    policy: str
    scope: Literal["user", "client"]
    most: int
    window_seconds: int | None


class QuotaPolicies(Value):
    """The limits for a new entry: quotas, and budgets in dollars per 24 hours.

    One budget is for the whole service, the other for each client key.
    """

    limits: tuple[QuotaPolicy, ...]
    budget_dollars: float
    address_budget_dollars: float


def quota_policies(settings: QuotaSettings, entry: EntryKind) -> QuotaPolicies:
    """Return the limits for a new entry of this kind."""
    limits = tuple(
        QuotaPolicy(
            policy=policy + suffix,
            scope=scope,
            most=factor * getattr(settings, name),
            window_seconds=quota.window_seconds,
        )
        for scope, suffix, factor in (
            ("user", "", 1),
            ("client", _ADDRESS_SUFFIX, settings.learners_per_address),
        )
        for policy, (name, quota) in _QUOTAS.items()
        if quota.entry == entry
    )
    return QuotaPolicies(
        limits=limits,
        budget_dollars=settings.daily_budget_dollars,
        address_budget_dollars=settings.daily_budget_dollars * settings.address_budget_share,
    )


class FollowerLimits(Value):
    """How many requests to one process may follow generations at once.

    `per_user` is for one user at one address, `per_address` for all users of one address.
    """

    per_user: int
    per_address: int


def follower_limits(settings: QuotaSettings) -> FollowerLimits:
    """Return the limits for requests that follow generations."""
    return FollowerLimits(
        per_user=FOLLOWERS_PER_USER,
        per_address=FOLLOWERS_PER_USER * settings.learners_per_address,
    )


class Requester(Value):
    """The user who sends a request, and a key shared by all requests from one network address."""

    user_id: UUID
    client_key: str


class NewQuestion(Value):
    """A question that is about to be sent to the model. The caller chooses its id."""

    question_id: UUID = Field(default_factory=uuid4)
    requester: Requester
    reserved_dollars: float
    """What it counts towards the budget until its cost is known."""
