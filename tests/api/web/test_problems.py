"""How errors reach the client."""

import asyncio
import logging
from datetime import UTC, date, datetime
from uuid import UUID

import httpx
import pytest

from src.dao import Store
from src.domain import errors
from src.settings import Settings
from tests.api.replicas import replica
from tests.support.backends import SqliteBackend
from tests.support.learners import ANA

ORIGIN = "http://localhost:3000"
GENERATION = UUID("3f6c1d52-7d0b-4d55-9a53-0c5a3d8d7b10")
PAST = datetime(2026, 1, 1, tzinfo=UTC)
SECRET = "postgresql://admin:hunter2@db"  # noqa: S105  a canary


class BrokenStore:
    """A store over a real one that fails to list roadmaps, with this error."""

    def __init__(self, store: Store, error: Exception) -> None:
        self._store = store
        self._error = error

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    @property
    def documents(self) -> "BrokenStore":
        return self

    async def list_roadmaps(self, user_id: UUID) -> bytes:  # noqa: ARG002
        raise self._error


@pytest.fixture
def error() -> Exception:
    return RuntimeError(SECRET)


@pytest.fixture
async def store(backend: SqliteBackend, error: Exception) -> BrokenStore:
    return BrokenStore(await backend.open(), error)


async def test_unexpected_error_reveals_nothing_and_carries_cors(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The browser can read the answer; the cause is in the log, under the same request id."""
    answer = await client.get("/roadmaps", params={"user_id": ANA}, headers={"Origin": ORIGIN})
    assert answer.status_code == 500
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["content-type"] == "application/problem+json"
    assert SECRET not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == [
        "unexpected error"
    ]


ANSWERS = [
    (errors.StoreUnavailableError(SECRET), 503, "5"),
    (errors.StoreFileLostError(SECRET), 503, "60"),
    (errors.StoreTooSlowError(SECRET), 504, "5"),
    (errors.StoreConflictError(SECRET), 409, None),
    (errors.StoreMisconfiguredError(SECRET), 503, None),
    (errors.StoreOverloadedError(SECRET), 503, "1"),
    (errors.UnauthenticatedError(SECRET), 401, None),
    (errors.IdentityUnavailableError(SECRET), 503, "5"),
    (errors.ForbiddenError(SECRET), 403, None),
    (errors.LimitReachedError("generations-per-day", most=3, retry_after=61.5), 429, "62"),
    (errors.OverloadedError(SECRET), 503, "60"),
    (errors.ModelUnavailableError(SECRET), 503, "30"),
    (errors.ModelUnavailableError(SECRET, retry_after=6.2), 503, "7"),
    (errors.ModelTooSlowError(SECRET), 504, None),
    (errors.ModelMisconfiguredError(SECRET), 503, None),
    (errors.ModelOutputError(SECRET), 502, None),
    (errors.ModelDeclinedError(SECRET), 502, None),
    (errors.RoadmapNotFoundError(77_001), 404, None),
    (errors.WeekNotFoundError(77_001, 3), 404, None),
    (errors.TaskNotFoundError(SECRET), 404, None),
    (errors.ScheduleDoesNotFitError(None), 409, None),
    (errors.ScheduleDoesNotFitError(date(2030, 1, 1)), 409, None),
    (errors.ScheduleChangedError(77_001), 412, None),
    (errors.NothingToUndoError(SECRET), 409, None),
    (errors.CalendarFeedNotFoundError(SECRET), 404, None),
    (errors.CalendarPolledTooOftenError(61.5), 429, "62"),
    (errors.ProgressOverloadedError(SECRET), 503, "1"),
    (errors.GenerationNotFoundError(SECRET), 404, None),
    (errors.IdempotencyKeyReusedError(GENERATION), 422, None),
    (errors.GenerationRunningError(GENERATION), 409, "2"),
    (errors.GenerationWaitingError(GENERATION), 503, "60"),
    (errors.GenerationWaitingError(GENERATION, PAST), 503, "1"),
    (errors.GenerationSucceededError(GENERATION), 409, None),
    (errors.GenerationCancelledError(GENERATION), 409, None),
    (errors.GenerationAbandonedError(GENERATION), 503, "30"),
    (errors.HandedOverError(GENERATION), 503, "5"),
    (errors.LeaseLostError(SECRET), 503, "5"),
    (errors.ShuttingDownError(SECRET), 503, "2"),
]


@pytest.mark.parametrize(("error", "status", "wait"), ANSWERS)
async def test_domain_errors_become_problem_documents(
    client: httpx.AsyncClient, error: Exception, status: int, wait: str | None
) -> None:
    """Each has its status, a type of its own, and nothing of what the error knows."""
    answer = await client.get("/roadmaps", params={"user_id": ANA})
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert problem["type"].startswith("urn:momentum-ai:problem:")
    assert problem["detail"].endswith(".")
    assert answer.headers.get("retry-after") == wait
    assert SECRET not in answer.text
    assert "77001" not in answer.text
    leads_to = f"/generations/{GENERATION}" if isinstance(error, errors.GenerationError) else None
    assert answer.headers.get("location") == leads_to


@pytest.mark.parametrize(
    ("error", "challenge"),
    [
        (errors.UnauthenticatedError(SECRET), 'Bearer error="invalid_token"'),
        (errors.UnauthenticatedError(SECRET, token_given=False), "Bearer"),
    ],
)
async def test_unauthenticated_says_how_to_sign_in(
    client: httpx.AsyncClient, challenge: str
) -> None:
    """A bad token gets another challenge than none, as RFC 6750 asks."""
    answer = await client.get("/roadmaps", params={"user_id": ANA})
    assert answer.headers.get_list("www-authenticate") == [challenge]


def test_every_domain_error_is_covered() -> None:
    """A new error needs an answer in the list above."""
    families = {
        errors.MomentumError,
        errors.GenerationError,
        errors.StoreError,
        errors.ModelError,
        errors.SettingsError,  # ends the start, before there are clients
        errors.StoreOutdatedError,  # this one, too
    }
    named = (cls for cls in vars(errors).values() if isinstance(cls, type))
    defined = {cls for cls in named if issubclass(cls, errors.MomentumError)}
    assert defined - families == {type(error) for error, _, _ in ANSWERS}


async def test_request_id_is_kept_when_it_is_sane(client: httpx.AsyncClient) -> None:
    """A caller's id is used for the log and the answer; anything odd is replaced."""
    for given in ("abc-123_X.9", "x" * 65, "two words", "", "é"):
        answer = await client.get("/health", headers=[(b"X-Request-ID", given.encode())])
        assert (answer.headers["x-request-id"] == given) is (given == "abc-123_X.9")
        assert answer.headers["x-request-id"]


async def test_health_touches_nothing(client: httpx.AsyncClient) -> None:
    """It answers exactly this, also while the database fails."""
    answer = await client.get("/health")
    assert (answer.status_code, answer.text) == (200, '{"status":"ok"}')


class HangingStore(BrokenStore):
    """A store over a real one whose listing never ends."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, RuntimeError())
        self.asked = asyncio.Event()

    async def list_roadmaps(self, user_id: UUID) -> bytes:  # noqa: ARG002
        self.asked.set()
        return await asyncio.Future()


@pytest.mark.parametrize("is_leaving", [True, False])
async def test_request_that_the_drain_cancels_is_answered(
    *, settings: Settings, backend: SqliteBackend, is_leaving: bool
) -> None:
    """A server cancels requests at the end of the drain: they get a problem document.

    A request that is cancelled for any other reason just ends.
    """
    store = HangingStore(await backend.open())
    async with replica(settings, store) as on:  # type: ignore[arg-type]
        headers = {"Origin": ORIGIN}
        request = asyncio.create_task(on.client.get(f"/roadmaps?user_id={ANA}", headers=headers))
        await store.asked.wait()
        if is_leaving:
            on.state.begin_drain()
        request.cancel()
        await asyncio.wait({request})
    assert request.cancelled() == (not is_leaving)
    if not is_leaving:
        return
    answer = request.result()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["type"].endswith(":shutting-down")
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
