"""Answers with status 200 that no function of schema.sql gives: they are errors of the store."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from uuid import UUID, uuid4

import pytest
import stamina

from src.dao.supabase.store import SupabaseStore
from src.domain.errors import StoreError, StoreUnavailableError
from src.domain.generation import Failure, Lease, ProgressReport
from src.domain.plan import ModelUsage
from src.domain.quotas import NewQuestion, Requester
from tests.support.plans import UNBOUNDED, asked_for, new_roadmap
from tests.unit.dao.supabase.test_transport import Behaviour, client_of

ID = UUID(int=1)
LEASE = Lease(seconds=20)
FAILURE = Failure(problem="internal-error")
QUESTION = NewQuestion(requester=Requester(user_id=ID, client_key="a"), reserved_dollars=0.0)
REPORT = ProgressReport(first_number=1, weeks_done=0, usage=ModelUsage(model="m"))

Call = Callable[[SupabaseStore], Awaitable[object]]

READS: dict[str, Call] = {
    "get_roadmap_with_tasks": lambda store: store.get_roadmap_with_tasks(1),
    "document of roadmaps": lambda store: store.documents.list_roadmaps(ID),
    "document of tasks": lambda store: store.documents.list_tasks(1),
    "document of weeks": lambda store: store.documents.list_weeks(1),
    "document of a week": lambda store: store.documents.get_week(1, 1),
    "check_schema": lambda store: store.check(),
    "get": lambda store: store.generations.get(ID),
    "read": lambda store: store.generations.read(ID),
    "list_parts": lambda store: store.generations.list_parts(ID),
}
WRITES: dict[str, Call] = {
    "add_roadmap": lambda store: store.add_roadmap(new_roadmap()),
    "set_task_completed": lambda store: store.set_task_completed(str(ID), completed=True),
    "delete_roadmap": lambda store: store.delete_roadmap(1, ID),
    "begin": lambda store: store.generations.begin(
        asked_for(new_roadmap().request), LEASE, UNBOUNDED
    ),
    "claim": lambda store: store.generations.claim(LEASE),
    "record_progress": lambda store: store.generations.record_progress(LEASE, REPORT),
    "release": lambda store: store.generations.release(uuid4()),
    "postpone": lambda store: store.generations.postpone(uuid4(), 1, FAILURE),
    "fail": lambda store: store.generations.fail(uuid4(), FAILURE),
    "cancel": lambda store: store.generations.cancel(ID, FAILURE),
    "sweep": lambda store: store.generations.sweep(FAILURE),
    "begin of a question": lambda store: store.questions.begin(QUESTION, UNBOUNDED),
}
CALLS = READS | WRITES

NO_ANSWERS = (b"", b"null", b'"', b"<html>502</html>", b'[{"roadmap_id": 1, ', b'"text"', b"[7]")
"""Bodies that no query has, whatever it reads."""

OTHER_SHAPES = (b"{}", b'[{"a": 1}]', b'[{"roadmap_id": "x", "tasks": 7}]', b"[[1, 2]]")
"""JSON that none of the functions returns."""

ALWAYS_A_ROW = (
    "document of roadmaps",
    "begin",
    "sweep",
    "add_roadmap",
    "begin of a question",
    "set_task_completed",
)


@pytest.fixture(autouse=True)
def _no_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=1):
        yield


async def error_after(call: Call, body: bytes) -> Exception | None:
    async with client_of(_answering(body)) as client:
        try:
            await call(SupabaseStore(client))
        except Exception as error:  # noqa: BLE001  the test looks at its class
            return error
    return None


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_what_is_no_answer_is_unavailable(call: Call) -> None:
    """Never an error that says that something does not exist, or that a lease is lost."""
    errors = {body: type(await error_after(call, body)) for body in NO_ANSWERS}
    assert errors == dict.fromkeys(NO_ANSWERS, StoreUnavailableError)


@pytest.mark.parametrize(
    "call",
    [call for name, call in CALLS.items() if name != "delete_roadmap"],
    ids=[name for name in CALLS if name != "delete_roadmap"],
)
async def test_other_shape_is_an_error_of_the_store(call: Call) -> None:
    """Nothing else escapes. A deletion returns rows that nobody looks into."""
    for body in OTHER_SHAPES:
        assert isinstance(await error_after(call, body), StoreError), body


@pytest.mark.parametrize("name", ALWAYS_A_ROW)
async def test_no_row_where_there_always_is_one(name: str) -> None:
    assert type(await error_after(CALLS[name], b"[]")) is StoreUnavailableError


BATCHES_OF_OTHERS = (
    b"[[[2], [[]]]]",  # too few
    b"[[[2, 2, 2], [[], [], []]]]",  # too many
    b"[[[2, 3], [[], []]]]",
    b"[[[3, 1], [[], []]]]",
    b"[[[2, 2], [[], []]]",
    b"[[[2, 2], {}]]",
    b"[[[,], [[], []]]]",
    b"[[[2 2], [[], []]]]",
    b"[[[99, 2], [[], []]]]",
)
"""Answers to two calls at once that have not one document for each."""


@pytest.mark.parametrize("body", BATCHES_OF_OTHERS)
async def test_batch_without_an_answer_for_each_is_unavailable(body: bytes) -> None:
    async with client_of(_answering(body)) as client:
        read = SupabaseStore(client).documents.list_weeks
        outcomes = await asyncio.gather(read(1), read(2), return_exceptions=True)
    assert [type(each) for each in outcomes] == [StoreUnavailableError] * 2


async def test_question_that_is_not_on_record_is_not_asked() -> None:
    error = await error_after(CALLS["begin of a question"], b"false")
    assert type(error) is StoreUnavailableError


def _answering(body: bytes) -> Behaviour:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + body)
        await writer.drain()

    return answer
