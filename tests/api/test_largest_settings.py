"""Settings at the largest values that they permit: none of them may break the database."""

from collections.abc import AsyncIterator
from itertools import combinations

import pytest
from annotated_types import Le
from pydantic import ValidationError

from src.dao import Store
from src.domain.errors import LimitReachedError
from src.domain.generation import Failure, Lease
from src.domain.plan import PlanRequest
from src.domain.quotas import QuotaSettings, quota_policies
from src.settings import Settings
from tests.api.replicas import Running
from tests.support.backends import Backend
from tests.support.learners import ANA, REQUEST
from tests.support.plans import asked_for
from tests.support.settings import isolated_settings

LARGEST = {
    name: bound.le
    for name, field in Settings.model_fields.items()
    for bound in field.metadata
    if isinstance(bound, Le)
}
"""Every setting that is a number, with its largest value."""

LEARNERS = {"learners_per_address": 2_147}
"""As many as the ledger can hold of 1,000,000 generations for each."""

OF_THE_LEDGER = sorted({*QuotaSettings.model_fields, "generation_lease_seconds"})
PLAN = PlanRequest(goal="Learn Rust", duration_weeks=52, daily_hours=8, level="advanced")


def test_every_number_has_a_largest_value() -> None:
    numbers = {
        name for name, field in Settings.model_fields.items() if field.annotation in {int, float}
    }
    assert numbers == LARGEST.keys()


async def test_service_works_with_the_largest_settings(running: Running) -> None:
    """It generates and answers with all of them together, as far as a start permits them."""
    async with running(**LARGEST | LEARNERS) as on:
        made = await on.client.post("/generate_roadmap", json=REQUEST)
        assert made.status_code == 200, made.text
        question = {"user_id": ANA, "roadmap_id": made.json()["roadmap_id"], "input_data": "Why?"}
        answer = await on.client.post("/ask-assistant", json=question)
        assert answer.status_code == 200, answer.text


@pytest.fixture
async def open_store(backend: Backend) -> AsyncIterator[Store]:
    store = await backend.open()
    yield store
    await store.close()


async def begin(store: Store, settings: Settings) -> None:
    """Begin a year with these settings, and end it again."""
    dollars = PLAN.duration_weeks * settings.reserved_dollars_per_week
    asked = asked_for(PLAN).model_copy(update={"reserved_dollars": dollars})
    lease = Lease(seconds=settings.generation_lease_seconds)
    quotas = quota_policies(settings, "generation")
    record = await store.generations.begin(asked, lease, quotas)
    assert record.lease_id == lease.lease_id
    await store.generations.fail(lease.lease_id, Failure(problem="failed", cost_known=True))


async def test_no_two_settings_break_the_ledger(
    open_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With any two at their largest a generation begins, or the start is refused.

    One that costs more than the budget is over a limit, whatever the other setting is.
    """
    refused: set[frozenset[str]] = set()
    over_budget: set[frozenset[str]] = set()
    for pair in combinations(OF_THE_LEDGER, 2):
        try:
            settings = isolated_settings(monkeypatch, **{name: LARGEST[name] for name in pair})
        except ValidationError:
            refused.add(frozenset(pair))
            continue
        try:
            await begin(open_store, settings)
        except LimitReachedError:
            over_budget.add(frozenset(pair))
    counts = {"generations_at_once", "generations_per_hour", "generations_per_day"}
    assert refused == {frozenset({name, *LEARNERS}) for name in {*counts, "questions_per_hour"}}
    assert over_budget == {
        frozenset({"reserved_dollars_per_week", name})
        for name in OF_THE_LEDGER
        if name not in {"reserved_dollars_per_week", "daily_budget_dollars"}
    }
