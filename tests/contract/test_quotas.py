"""The ledger on either database: no requester exceeds a limit or the budget."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from src.dao import Store
from src.domain.errors import (
    GenerationAbandonedError,
    GenerationCancelledError,
    LimitReachedError,
    ModelOutputError,
    ModelTooSlowError,
    MomentumError,
)
from src.domain.generation import (
    Failure,
    GenerationRecord,
    Lease,
    NewGeneration,
    ProgressReport,
    is_cost_known,
)
from src.domain.plan import ModelUsage, NewRoadmap
from src.domain.quotas import (
    BUDGET_POLICY,
    DAY_SECONDS,
    HOUR_SECONDS,
    EntryKind,
    NewQuestion,
    QuotaPolicies,
    QuotaPolicy,
    Requester,
)
from tests.support.backends import Backend, count
from tests.support.data_plane import DataPlane, open_store
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.plans import UNBOUNDED, new_roadmap

RICH = 1e9
HERE, THERE = "a" * 32, "b" * 32
TABLES: dict[EntryKind, str] = {"generation": "generations", "question": "questions"}


def priced(dollars: float, *, calls: int = 1) -> ModelUsage:
    """Return the usage of calls of which one has a reported cost: the others were cut off."""
    return ModelUsage(model="m", calls=calls, priced_calls=1, cost_dollars=dollars)


@dataclass(frozen=True)
class Entered:
    """An entry in the ledger; a question has no use for its lease."""

    kind: EntryKind
    entry_id: UUID
    lease: Lease


class Ledger:
    """The ledger as requests use it: they enter a generation or a question, and end it."""

    def __init__(self, store: Store, backend: Backend, kind: EntryKind) -> None:
        self.kind = kind
        self.backend = backend
        self._store = store

    @property
    def entries(self) -> int:
        """How many entries of its kind there are."""
        return count(self.backend, TABLES[self.kind])

    async def enter(
        self, bounds: QuotaPolicies, requester: Requester | None = None, dollars: float = 0
    ) -> Entered:
        """Enter something new, unless a `LimitReachedError` refuses it."""
        requester, lease = requester or somebody(), Lease(seconds=60)
        if self.kind == "question":
            question = NewQuestion(requester=requester, reserved_dollars=dollars)
            await self._store.questions.begin(question, bounds)
            return Entered(self.kind, question.question_id, lease)
        asked = request_of(requester, dollars=dollars)
        record = await self._store.generations.begin(asked, lease, bounds)
        assert record.lease_id == lease.lease_id
        return Entered(self.kind, asked.generation_id, lease)

    async def end(self, entered: Entered, usage: ModelUsage | None = None) -> None:
        """End an entry with its usage; a generation ends with its roadmap."""
        usage = usage or ModelUsage(model="")
        if entered.kind == "question":
            known = usage.priced_calls >= usage.calls
            await self._store.questions.finish(entered.entry_id, usage, cost_known=known)
            return
        await self.report(entered, usage)
        record = await self._store.generations.get(entered.entry_id)
        known = is_cost_known(usage, changed_hands=record.changed_hands, error=None)
        changes = {"lease_id": entered.lease.lease_id, "cost_known": known}
        await self._store.add_roadmap(new_roadmap().model_copy(update=changes))

    def move_back(self, entered: Entered, seconds: float) -> None:
        """Let something have been entered so long ago."""
        then = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="microseconds")
        self.backend.execute(
            f"update {TABLES[entered.kind]} set started_at = '{then}'"  # noqa: S608  own values
            f" where {entered.kind}_id = '{entered.entry_id}'"
        )

    async def report(self, entered: Entered, usage: ModelUsage) -> None:
        progress = ProgressReport(first_number=1, weeks_done=0, usage=usage)
        await self._store.generations.record_progress(entered.lease, progress)

    async def refused(
        self, bounds: QuotaPolicies, requester: Requester | None = None, dollars: float = 0
    ) -> LimitReachedError:
        with pytest.raises(LimitReachedError) as caught:
            await self.enter(bounds, requester, dollars)
        return caught.value


@pytest.fixture(params=["generation", "question"])
def ledger(request: pytest.FixtureRequest, store: Store, backend: Backend) -> Ledger:
    return Ledger(store, backend, request.param)


@pytest.fixture
def generations(store: Store, backend: Backend) -> Ledger:
    return Ledger(store, backend, "generation")


@pytest.fixture
def questions(store: Store, backend: Backend) -> Ledger:
    return Ledger(store, backend, "question")


def somebody(client: str | None = None) -> Requester:
    """Return a new user, at an address of their own unless one is given."""
    return Requester(user_id=uuid4(), client_key=client or uuid4().hex)


def request_of(
    requester: Requester,
    plan: NewRoadmap | None = None,
    *,
    key: str | None = None,
    dollars: float = 0,
) -> NewGeneration:
    plan = plan or new_roadmap(goal=f"Learn {uuid4()}")
    return NewGeneration(
        requester=requester, request=plan.request, idempotency_key=key, reserved_dollars=dollars
    )


def policies(*limits: QuotaPolicy, dollars: float = RICH) -> QuotaPolicies:
    return QuotaPolicies(limits=limits, budget_dollars=dollars, address_budget_dollars=dollars)


def per_user(most: int, window: int | None = HOUR_SECONDS) -> QuotaPolicies:
    return policies(QuotaPolicy(policy="of-a-user", scope="user", most=most, window_seconds=window))


def per_address(most: int, window: int | None = HOUR_SECONDS) -> QuotaPolicies:
    return policies(
        QuotaPolicy(policy="of-an-address", scope="client", most=most, window_seconds=window)
    )


def budget(dollars: float) -> QuotaPolicies:
    return policies(dollars=dollars)


def assert_wait(error: LimitReachedError, seconds: float, *, since: float) -> None:
    """Assert that a refusal names so many seconds, less at most those that the test has taken."""
    assert error.retry_after is not None
    assert seconds - (time.monotonic() - since) - 1 <= error.retry_after <= seconds + 1


def spent(backend: Backend) -> float:
    dollars: float | None = backend.query("select sum(dollars) from ledger")[0][0]
    return dollars or 0.0


# --- Limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 3])
async def test_limits_are_exact(ledger: Ledger, most: int) -> None:
    """So many pass, of a user from any address and of an address for any user; the next does not.

    Other users and other addresses still pass.
    """
    user_id = uuid4()

    def user() -> Requester:
        return Requester(user_id=user_id, client_key=uuid4().hex)

    def neighbour() -> Requester:
        return somebody(HERE)

    for bounds, requester in ((per_user(most), user), (per_address(most), neighbour)):
        for _ in range(most):
            await ledger.enter(bounds, requester())
        for _ in range(2):
            error = await ledger.refused(bounds, requester())
            assert (error.policy, error.most) == (bounds.limits[0].policy, most)
            assert error.window_seconds == HOUR_SECONDS
    assert ledger.entries == 2 * most
    await ledger.enter(per_user(most))
    await ledger.enter(per_address(most), somebody(THERE))


async def test_refusal_names_the_first_limit_without_room(ledger: Ledger) -> None:
    """Every limit counts, and the error names the first that has no room."""
    wide = per_user(5).limits[0].model_copy(update={"policy": "wide"})
    bounds = per_user(2).model_copy(update={"limits": (wide, *per_user(2).limits)})
    requester = somebody()
    await ledger.enter(bounds, requester)
    await ledger.enter(bounds, requester)
    assert (await ledger.refused(bounds, requester)).policy == "of-a-user"


async def test_window_slides(ledger: Ledger) -> None:
    """An entry older than the window no longer counts, to the second."""
    requester, began = somebody(), time.monotonic()
    first = await ledger.enter(per_user(2), requester)
    await ledger.enter(per_user(2), requester)
    ledger.move_back(first, HOUR_SECONDS - 10)
    error = await ledger.refused(per_user(2), requester)
    assert_wait(error, 10, since=began)
    ledger.move_back(first, HOUR_SECONDS + 1)
    await ledger.enter(per_user(2), requester)
    await ledger.refused(per_user(2), requester)


async def test_wait_ends_when_there_is_room(ledger: Ledger) -> None:
    """With more entries than the limit, room comes when several of them are too old."""
    requester, began = somebody(), time.monotonic()
    for age in (50, 40, 20, 1):
        entered = await ledger.enter(UNBOUNDED, requester)
        ledger.move_back(entered, age * 60)
    for most, minutes in ((1, 59), (2, 40), (3, 20), (4, 10)):
        error = await ledger.refused(per_user(most), requester)
        assert_wait(error, minutes * 60, since=began)
    await ledger.enter(per_user(5), requester)


async def test_each_kind_has_its_own_limits(generations: Ledger, questions: Ledger) -> None:
    """Questions do not use up generations, nor the other way round."""
    requester = somebody()
    for one, other in ((generations, questions), (questions, generations)):
        await one.enter(per_user(1), requester)
        await one.refused(per_user(1), requester)
        assert one.kind != other.kind
    await generations.refused(per_user(1), requester)


async def test_what_fails_counts_too(ledger: Ledger) -> None:
    """It may have cost money."""
    requester = somebody()
    await ledger.end(await ledger.enter(per_user(1), requester))
    await ledger.refused(per_user(1), requester)


@pytest.mark.parametrize("bounds", [per_user(2, None), per_address(2, None)])
async def test_so_many_at_once(ledger: Ledger, bounds: QuotaPolicies) -> None:
    """Without a window only what runs counts, however long; the end of one makes room for one."""
    requester = somebody()
    first, second = [await ledger.enter(bounds, requester) for _ in range(2)]
    ledger.move_back(second, 10 * DAY_SECONDS)
    error = await ledger.refused(bounds, requester)
    assert (error.most, error.window_seconds, error.retry_after) == (2, None, 10)
    await ledger.end(first)
    await ledger.enter(bounds, requester)
    await ledger.refused(bounds, requester)
    await ledger.end(second)
    await ledger.enter(bounds, requester)


@pytest.mark.parametrize("end", ["publish", "fail", "cancel"])
async def test_every_end_of_a_generation_makes_room(
    store: Store, end: str, generations: Ledger
) -> None:
    requester, bounds, plan = somebody(), per_user(1, None), new_roadmap()
    lease = Lease(lease_id=plan.lease_id, seconds=60)
    asked = request_of(requester, plan)
    await store.generations.begin(asked, lease, bounds)
    await generations.refused(bounds, requester)
    if end == "publish":
        await store.add_roadmap(plan.model_copy(update={"user_id": requester.user_id}))
    elif end == "fail":
        await store.generations.fail(lease.lease_id, Failure(problem="model-output-unusable"))
    else:
        await store.generations.cancel(asked.generation_id, Failure(problem="generation-cancelled"))
    await generations.enter(bounds, requester)


# --- What is not new --------------------------------------------------------------------------


async def begin(store: Store, asked: NewGeneration, bounds: QuotaPolicies) -> GenerationRecord:
    """Begin the same again, under an id and a lease of its own."""
    again = asked.model_copy(update={"generation_id": uuid4()})
    return await store.generations.begin(again, Lease(seconds=60), bounds)


NO_ROOM = policies(
    *(each for of in (per_user(1), per_user(1, None), per_address(1)) for each in of.limits),
    dollars=1,
)
"""For one generation that may cost a dollar."""


@pytest.mark.parametrize("key", ["k", None])
async def test_joining_is_neither_refused_nor_counted(
    store: Store, other_store: Store, backend: Backend, key: str | None
) -> None:
    """A request for a running generation joins it, even without room for a new one.

    So does a double click without the key.
    """
    asked = request_of(somebody(), key=key, dollars=1)
    record = await begin(store, asked, NO_ROOM)
    twin = asked.model_copy(update={"idempotency_key": None})
    for again in (asked, asked, twin):
        assert await begin(other_store, again, NO_ROOM) == record
    assert count(backend, "generations") == 1
    assert spent(backend) == 1


async def test_replay_is_neither_refused_nor_counted(store: Store, backend: Backend) -> None:
    """The answer of a key is given again, for as long as it is kept."""
    requester, plan = somebody(), new_roadmap()
    asked = request_of(requester, plan, key="k", dollars=1)
    lease = Lease(lease_id=plan.lease_id, seconds=60)
    await store.generations.begin(asked, lease, NO_ROOM)
    done = await store.add_roadmap(plan.model_copy(update={"user_id": requester.user_id}))
    for _ in range(3):
        assert await begin(store, asked, NO_ROOM) == done
    # For another request the key is in use, which comes before the lack of room.
    assert await begin(store, request_of(requester, key="k"), NO_ROOM) == done
    assert count(backend, "generations") == 1


async def test_lapsed_generation_is_resumed_without_counting(
    store: Store, backend: Backend
) -> None:
    """It was counted when it began."""
    asked = request_of(somebody(), key="k", dollars=1)
    record = await begin(store, asked, NO_ROOM)
    await store.generations.release(record.lease_id)
    again = await begin(store, asked, NO_ROOM)
    assert again.generation_id == record.generation_id
    assert again.lease_id != record.lease_id
    claimed = await begin(store, asked, NO_ROOM)
    assert claimed == again
    assert count(backend, "generations") == 1


async def test_failed_key_is_counted_anew(store: Store) -> None:
    """A failure frees the key, and the next generation under it is a new one."""
    asked = request_of(somebody(), key="k")
    record = await begin(store, asked, per_user(1))
    await store.generations.fail(record.lease_id, Failure(problem="model-output-unusable"))
    with pytest.raises(LimitReachedError):
        await begin(store, asked, per_user(1))
    assert (await begin(store, asked, per_user(2))).generation_id != record.generation_id


# --- The budget -------------------------------------------------------------------------------


async def assert_counts(ledger: Ledger, dollars: float) -> None:
    """Assert that so much is spent: what fits exactly passes, and a little more does not."""
    error = await ledger.refused(budget(dollars + 0.25), dollars=0.5)
    assert (error.policy, error.most, error.window_seconds) == (BUDGET_POLICY, None, DAY_SECONDS)
    entered = await ledger.enter(budget(dollars + 0.5), dollars=0.5)
    await ledger.end(entered)  # without a call


COSTS = {
    "less than reserved": (priced(0.125), 0.125),
    "more than reserved": (priced(5.0), 5),
    "for free": (priced(0.0), 0),
    "cost not reported": (ModelUsage(model="m", calls=3), 2),
    "cost of some calls not reported": (priced(0.125, calls=10), 2),
    "cost of some calls not reported, more than reserved": (priced(5.0, calls=10), 5),
    "no call": (ModelUsage(model=""), 0),
}


@pytest.mark.parametrize(("usage", "dollars"), COSTS.values(), ids=COSTS)
async def test_cost_counts_once_it_is_known(
    ledger: Ledger, usage: ModelUsage, dollars: float
) -> None:
    """Then it replaces the reservation, unless the cost of a call is not known."""
    entered = await ledger.enter(budget(RICH), dollars=2)
    await assert_counts(ledger, 2)
    await ledger.end(entered, usage)
    await assert_counts(ledger, dollars)


async def test_what_runs_counts_with_what_it_costs_already(generations: Ledger) -> None:
    """The reservation is the least; beyond it the cost so far counts."""
    entered = await generations.enter(budget(RICH), dollars=2)
    for cost, dollars in ((1.0, 2), (3.0, 3), (5.0, 5)):
        await generations.report(entered, priced(cost))
        await assert_counts(generations, dollars)


CUT_OFF = (
    GenerationCancelledError(uuid4()),
    GenerationAbandonedError(uuid4()),
    ModelTooSlowError(),
)
UNUSABLE = ModelOutputError()


@pytest.mark.parametrize(
    ("error", "cost", "dollars"),
    [(error, *case) for error in CUT_OFF for case in ((None, 2), (0.5, 2), (3.0, 3))]
    + [(UNUSABLE, None, 0), (UNUSABLE, 0.5, 2), (UNUSABLE, 3.0, 3)],
)
async def test_what_is_cut_off_counts_with_what_it_may_have_cost(
    store: Store, error: MomentumError, cost: float | None, dollars: float, generations: Ledger
) -> None:
    """Nobody knows the cost of the calls under way: cancelling must not hide it."""
    entered = await generations.enter(budget(RICH), dollars=2)
    usage = ModelUsage(model="")
    if cost is not None:
        usage = priced(cost)
        await generations.report(entered, usage)
    known = is_cost_known(usage, changed_hands=False, error=error)
    await store.generations.cancel(entered.entry_id, Failure(problem=error.code, cost_known=known))
    await assert_counts(generations, dollars)


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [(None, 2), (priced(0.5), 2), (priced(3.0), 3)],
    ids=["no call", "less than reserved", "more than reserved"],
)
async def test_what_changed_hands_counts_with_what_it_may_have_cost(
    store: Store, usage: ModelUsage | None, dollars: float, generations: Ledger
) -> None:
    entered = await generations.enter(budget(RICH), dollars=2)
    await store.generations.release(entered.lease.lease_id)
    lease = Lease(seconds=60)
    assert await store.generations.claim(lease)
    await generations.end(Entered("generation", entered.entry_id, lease), usage)
    await assert_counts(generations, dollars)


async def test_everybody_shares_the_budget(generations: Ledger, questions: Ledger) -> None:
    """Generations and questions of all users and addresses share it."""
    await generations.enter(budget(3), dollars=2)
    await questions.enter(budget(3), dollars=1)
    await questions.refused(budget(3), dollars=0.125)
    await generations.refused(budget(3), dollars=0.125)
    assert spent(generations.backend) == 3


async def test_address_has_its_share_of_the_budget_alone(ledger: Ledger) -> None:
    """One address cannot use up the share of another."""
    bounds = QuotaPolicies(limits=(), budget_dollars=5, address_budget_dollars=2)
    await ledger.enter(bounds, somebody("a school"), dollars=2)
    error = await ledger.refused(bounds, somebody("a school"), dollars=0.5)
    assert error.policy == "budget-per-day-of-an-address"
    await ledger.enter(bounds, somebody("a library"), dollars=2)
    assert (await ledger.refused(bounds, dollars=1.5)).policy == "budget-per-day"


async def test_budget_is_of_the_last_day(ledger: Ledger) -> None:
    """Older expenses no longer count; the wait ends when the oldest one is a day old."""
    began = time.monotonic()
    free = await ledger.enter(budget(2), dollars=2)
    await ledger.end(free)
    old = await ledger.enter(budget(2), dollars=2)
    ledger.move_back(free, DAY_SECONDS - 60)  # cost nothing, so that its age frees nothing
    ledger.move_back(old, DAY_SECONDS - 600)
    error = await ledger.refused(budget(2), dollars=1)
    assert_wait(error, 600, since=began)
    ledger.move_back(old, DAY_SECONDS + 1)
    await ledger.enter(budget(2), dollars=2)


async def test_wait_for_what_never_fits_is_a_day(ledger: Ledger) -> None:
    """Without an expense nothing will free more room."""
    began = time.monotonic()
    error = await ledger.refused(budget(1), dollars=2)
    assert_wait(error, DAY_SECONDS, since=began)


async def test_what_costs_nothing_needs_no_budget(ledger: Ledger) -> None:
    """The offline model runs without a budget."""
    await ledger.enter(budget(0))


# --- All at once ------------------------------------------------------------------------------

CROWD = 40


async def crowd(
    ledgers: tuple[Ledger, ...],
    bounds: QuotaPolicies,
    requester: Requester | None = None,
    dollars: float = 0,
) -> Counter[str]:
    """Enter many at once; return how many passed and how many each policy refused."""

    async def one(ledger: Ledger) -> str:
        try:
            await ledger.enter(bounds, requester, dollars)
        except LimitReachedError as error:
            return error.policy
        return "passed"

    return Counter(
        await asyncio.gather(*(one(ledgers[number % len(ledgers)]) for number in range(CROWD)))
    )


@pytest.fixture
def two_processes(other_store: Store, ledger: Ledger) -> tuple[Ledger, Ledger]:
    return ledger, Ledger(other_store, ledger.backend, ledger.kind)


@pytest.mark.parametrize("window", [HOUR_SECONDS, None])
async def test_crowd_does_not_get_beyond_a_limit(
    two_processes: tuple[Ledger, Ledger], window: int | None
) -> None:
    """Of forty at once from two processes exactly so many pass, of one user or one address."""
    outcomes = await crowd(two_processes, per_user(7, window), somebody())
    assert outcomes == {"passed": 7, "of-a-user": CROWD - 7}
    outcomes = await crowd(two_processes, per_address(9, window), somebody())
    assert outcomes == {"passed": 9, "of-an-address": CROWD - 9}
    assert two_processes[0].entries == 16


async def test_crowd_does_not_get_beyond_the_budget(two_processes: tuple[Ledger, Ledger]) -> None:
    """No two reservations get the same dollar."""
    outcomes = await crowd(two_processes, budget(2.75), dollars=0.25)
    assert outcomes == {"passed": 11, BUDGET_POLICY: CROWD - 11}
    assert spent(two_processes[0].backend) == 2.75


async def test_mixed_crowd_does_not_get_beyond_the_budget(
    store: Store, other_store: Store, backend: Backend
) -> None:
    """Generations and questions at once share it, to the dollar."""
    ledgers = tuple(Ledger(each, backend, kind) for each in (store, other_store) for kind in TABLES)
    outcomes = await crowd(ledgers, budget(2.75), dollars=0.25)
    assert outcomes == {"passed": 11, BUDGET_POLICY: CROWD - 11}
    assert count(backend, "generations") + count(backend, "questions") == 11


# --- Lost answers, and the end of a question -----------------------------------------


@pytest.fixture
async def lossy_store(data_plane: DataPlane, fault_proxy: FaultProxy) -> AsyncIterator[Store]:
    async with open_store(fault_proxy.url, data_plane.service_key) as store:
        yield store


@pytest.mark.parametrize("kind", list(TABLES))
async def test_answer_that_supabase_loses_is_not_a_second_entry(
    lossy_store: Store, data_plane: DataPlane, fault_proxy: FaultProxy, kind: EntryKind
) -> None:
    """The retry finds the entry, even if that took the last room."""
    fault_proxy.inject_at(1, Fault.LOSE)
    ledger = Ledger(lossy_store, data_plane, kind)
    bounds = policies(*per_user(1).limits, dollars=1)
    requester = somebody()
    await ledger.enter(bounds, requester, dollars=1)
    assert len(fault_proxy.exchanges) == 2
    assert data_plane.query("select entry, dollars from ledger") == [(kind, 1)]
    assert (await ledger.refused(bounds, requester)).policy == "of-a-user"


async def test_same_question_at_once_is_one_on_supabase(
    lossy_store: Store, data_plane: DataPlane, fault_proxy: FaultProxy
) -> None:
    """A try that still hangs and its retry do not conflict."""
    fault_proxy.inject(Fault.DELAY, lambda _: True, seconds=0.2)  # so that all land together
    question = NewQuestion(requester=somebody(), reserved_dollars=1)
    begins = (lossy_store.questions.begin(question, budget(1)) for _ in range(10))
    assert await asyncio.gather(*begins, return_exceptions=True) == [None] * 10
    assert data_plane.query("select entry, dollars from ledger") == [("question", 1)]


async def test_end_of_a_question_is_entered(store: Store, backend: Backend) -> None:
    """With its usage; ending it twice is ending it once."""
    usage = ModelUsage(
        model="m",
        calls=2,
        priced_calls=1,
        retries=1,
        cost_dollars=0.5,
        prompt_tokens=3_000_000_000,
        completion_tokens=4,
    )
    question = NewQuestion(requester=somebody(), reserved_dollars=1)
    await store.questions.begin(question, UNBOUNDED)
    for question_id in (question.question_id, question.question_id, uuid4()):
        await store.questions.finish(question_id, usage, cost_known=False)
    columns = ", ".join(usage.model_dump())
    rows = backend.query(f"select {columns}, cost_known, finished_at from questions")  # noqa: S608  own names
    assert [row[:-1] for row in rows] == [(*usage.model_dump().values(), False)]
    assert rows[0][-1] is not None
