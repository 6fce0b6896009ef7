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
    FormatRejectedError,
    check_finish_reason,
    error_for_status,
    translate_errors,
)
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
    400: FormatRejectedError,
    401: ModelMisconfiguredError,
    402: ModelMisconfiguredError,
    403: ModelDeclinedError,
    404: ModelMisconfiguredError,
    408: ModelUnavailableError,
    413: ModelUnavailableError,
    422: FormatRejectedError,
    429: ModelUnavailableError,
    500: FormatRejectedError,
    502: ModelUnavailableError,
    503: ModelUnavailableError,
    504: ModelUnavailableError,
    529: ModelUnavailableError,
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
    assert type(result) is ModelUnavailableError
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
    assert type(error_for_status(status, {})) is cls


@pytest.mark.parametrize("body", [None, SECRET, {}, {"code": "server_error"}, {"code": None}])
def test_error_without_a_status_means_an_unavailable_model(body: object) -> None:
    assert type(translated(api_error(body))) is ModelUnavailableError


def test_retry_after_of_a_refusal_is_kept() -> None:
    response = httpx2.Response(429, request=REQUEST, headers={"Retry-After": "7"})
    error = translated(openai.RateLimitError(SECRET, response=response, body=None))
    assert isinstance(error, ModelUnavailableError)
    assert error.retry_after == 7


@pytest.mark.parametrize(
    ("reason", "has_text", "cls"),
    [
        ("content_filter", True, ModelDeclinedError),
        ("length", True, ModelOutputError),
        ("error", True, ModelUnavailableError),
        ("tool_calls", True, ModelUnavailableError),
        (None, True, ModelUnavailableError),
        ("stop", False, ModelUnavailableError),
    ],
)
def test_streams_that_end_badly(
    reason: str | None, *, has_text: bool, cls: type[ModelError]
) -> None:
    with pytest.raises(ModelError) as raised:
        check_finish_reason(reason, has_text=has_text)
    assert type(raised.value) is cls


def test_stream_that_ends_well() -> None:
    check_finish_reason("stop", has_text=True)
