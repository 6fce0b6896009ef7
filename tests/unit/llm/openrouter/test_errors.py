"""The OpenAI SDK's errors: every one that it can raise is one of ours."""

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion

from src.domain.errors import (
    ModelDeclinedError,
    ModelError,
    ModelMisconfiguredError,
    ModelOutputError,
    ModelTooSlowError,
    ModelUnavailableError,
)
from src.llm.openrouter.errors import (
    EmptyCompletionError,
    NotTheProtocolError,
    RateLimitedError,
    RefusedError,
    ServerFailedError,
    WrongAddressError,
    check_finish_reason,
    translate_errors,
    was_cut,
)
from src.llm.openrouter.server_errors import ServerError
from tests.support.vendor_errors import build_errors, error_classes

REQUEST = httpx2.Request("POST", "http://model.test/api/v1/chat/completions")
SECRET = "what a learner wrote, and sk-or-v1-key"  # noqa: S105  no password
VALUES = {
    "message": SECRET,
    "request": REQUEST,
    "response": httpx2.Response(503, request=REQUEST, text=SECRET),
    "body": {"message": SECRET},
}
COMPLETION = ChatCompletion(id="1", choices=[], created=0, model="m", object="chat.completion")
OPENAI_ERRORS = {
    "LengthFinishReasonError": lambda: openai.LengthFinishReasonError(completion=COMPLETION),
    "WebSocketConnectionClosedError": lambda: openai.WebSocketConnectionClosedError(
        SECRET, unsent_messages=[SECRET]
    ),
}
ERRORS = [*build_errors(openai, VALUES, OPENAI_ERRORS), *build_errors(httpx2, VALUES, {})]
TIMEOUTS = (openai.APITimeoutError, httpx2.TimeoutException, TimeoutError)

STATUSES: dict[int, type[ModelError]] = {
    400: RefusedError,
    401: ModelMisconfiguredError,
    402: ModelMisconfiguredError,
    403: ModelDeclinedError,
    404: WrongAddressError,
    408: ServerFailedError,
    413: RefusedError,
    422: RefusedError,
    429: RateLimitedError,
    500: ServerFailedError,
    502: ServerFailedError,
    503: ServerFailedError,
    504: ServerFailedError,
    529: ServerFailedError,
}


def translated(error: Exception) -> ModelError:
    with pytest.raises(ModelError) as raised, translate_errors():
        raise error
    return raised.value


def api_error(body: object) -> openai.APIError:
    """Return what the SDK raises for an error inside a 200."""
    return openai.APIError(SECRET, REQUEST, body=body)


def test_walk_finds_the_errors_of_both_libraries() -> None:
    """A walk that finds nothing would prove nothing."""
    assert error_classes(openai) >= {openai.RateLimitError, openai.APIResponseValidationError}
    assert error_classes(httpx2) >= {httpx2.ReadTimeout, httpx2.InvalidURL, httpx2.StreamClosed}


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_becomes_a_model_error(error: Exception) -> None:
    """Timeouts say so. No message quotes the server's, which may quote the key or a learner."""
    result = translated(error)
    assert isinstance(result, ModelTooSlowError) is isinstance(error, TIMEOUTS)
    assert result.__cause__ is error
    assert SECRET not in str(result)


@pytest.mark.parametrize("error", [ValueError(SECRET), TypeError(SECRET), AttributeError(SECRET)])
def test_other_protocols_mean_an_unavailable_model(error: Exception) -> None:
    """The SDK trips over events that are no chunks."""
    result = translated(error)
    assert type(result) is NotTheProtocolError
    assert SECRET not in str(result)


def test_own_errors_pass() -> None:
    error = ModelOutputError("cut")
    assert translated(error) is error


@pytest.mark.parametrize(("status", "cls"), STATUSES.items())
def test_statuses(status: int, cls: type[ModelError]) -> None:
    """As a status, and as the `code` of an error inside a 200."""
    response = httpx2.Response(status, request=REQUEST)
    assert type(translated(openai.APIStatusError(SECRET, response=response, body=None))) is cls
    assert type(translated(api_error({"code": status}))) is cls
    assert type(translated(api_error({"code": str(status)}))) is cls


@pytest.mark.parametrize("body", [None, SECRET, {}, {"code": "server_error"}, {"code": None}])
def test_error_without_a_status_means_an_unavailable_model(body: object) -> None:
    assert type(translated(api_error(body))) is ServerFailedError


def test_retry_after_of_a_refusal_is_kept() -> None:
    response = httpx2.Response(429, request=REQUEST, headers={"Retry-After": "7"})
    error = translated(openai.RateLimitError(SECRET, response=response, body=None))
    assert isinstance(error, ModelUnavailableError)
    assert error.retry_after == 7


def test_what_the_server_said_is_heard_once() -> None:
    """For the log, which redacts it; the error itself has none of it."""
    heard: list[ServerError] = []
    response = httpx2.Response(400, request=REQUEST)
    error = openai.BadRequestError("x", response=response, body={"message": SECRET})
    with pytest.raises(ModelError) as raised, translate_errors(heard.append):
        raise error
    assert [said.words for said in heard] == [SECRET]
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("reason", "has_text", "cls"),
    [
        ("content_filter", True, ModelDeclinedError),
        ("safety", False, ModelDeclinedError),
        ("length", True, ModelOutputError),
        ("max_tokens", True, ModelOutputError),
        ("error", True, ModelUnavailableError),
        ("tool_calls", False, EmptyCompletionError),
        (None, False, EmptyCompletionError),
        ("stop", False, EmptyCompletionError),
    ],
)
def test_streams_that_end_badly(
    reason: str | None, *, has_text: bool, cls: type[ModelError]
) -> None:
    with pytest.raises(ModelError) as raised:
        check_finish_reason(reason, has_text=has_text)
    assert type(raised.value) is cls


@pytest.mark.parametrize("reason", ["stop", "eos", "end_turn", "tool_calls", "done", None])
def test_streams_that_end_well(reason: str | None) -> None:
    """Servers have many words for a good end, so the text decides."""
    check_finish_reason(reason, has_text=True)
    assert not was_cut(reason)
