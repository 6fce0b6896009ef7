"""The doctor on models' servers: what keeps one from answering is named, and its format is told."""

import json

import pytest

import src.doctor.model
from tests.support.doctor import PAGE, Doctor
from tests.support.service import free_port
from tests.support.standin import OpenRouterStandIn
from tests.support.standin.dialects import DIALECTS, DialectStandIn
from tests.support.stub_http import StubAnswer, StubServer


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries in service wait for half a second at first."""
    monkeypatch.setattr(src.doctor.model, "RETRY_WAIT_SECONDS", 0.01)


def settings_of(server: OpenRouterStandIn) -> dict[str, str]:
    return {"OPENAI_API_KEY": server.api_key, "OPENAI_BASE_URL": server.base_url}


MISBEHAVIOURS = {
    "status_401": ("OPENAI_API_KEY", "not accepted"),
    "status_402": ("OPENAI_API_KEY", "no credits"),
    "status_403": ("OPENAI_API_KEY", "moderation"),
    "status_404": ("OPENAI_MODEL", "404"),
    "status_429_forever": ("OPENAI_API_KEY", "429"),
    "status_503": ("OPENAI_BASE_URL", "503"),
    "html_200": ("OPENAI_BASE_URL", "protocol"),
    "closed_connection": ("OPENAI_BASE_URL", "does not answer"),
}


@pytest.mark.parametrize(("misbehaviour", "words"), MISBEHAVIOURS.items())
def test_server_that_refuses(
    doctor: Doctor, standin: OpenRouterStandIn, misbehaviour: str, words: tuple[str, ...]
) -> None:
    standin.script.fail_always(misbehaviour)
    doctor.name_one(*words, **settings_of(standin))


REFUSING_DIALECTS = {
    "openai-wrong-key": ("OPENAI_API_KEY", "not accepted"),
    "openai-no-quota": ("OPENAI_API_KEY", "no credits"),
    "openrouter-unknown-model": ("OPENAI_MODEL", "unknown"),
    "openrouter-region": ("OPENAI_BASE_URL", "region"),
    "ollama-unknown-model": ("OPENAI_MODEL", "unknown"),
    "ollama-without-v1": ("OPENAI_BASE_URL", "/v1"),
    "llama-cpp-context": ("OPENAI_MODEL", "context"),
    "lm-studio-context": ("OPENAI_MODEL", "context"),
}


@pytest.mark.parametrize(("name", "words"), REFUSING_DIALECTS.items())
def test_dialect_that_refuses(doctor: Doctor, name: str, words: tuple[str, ...]) -> None:
    with DialectStandIn(DIALECTS[name]) as server:
        doctor.name_one(*words, **settings_of(server))


FORMATS = {
    "openai-gpt-5": "a JSON schema with all rules",
    "openai-o1-mini": "a JSON schema with all rules",
    "anthropic": "a JSON schema with types alone",
    "llama-cpp-grammar": "a JSON schema with types alone",
    "openai-json-mode": "only JSON mode",
    "deepseek-chat": "only JSON mode",
    "deepseek-reasoner": "no format at all",
    "vllm-reasoning-parser": "a JSON schema with all rules",
}


@pytest.mark.parametrize(("name", "words"), FORMATS.items())
def test_format_that_the_server_takes(doctor: Doctor, name: str, words: str) -> None:
    """A weaker format is a note, since plans are made all the same."""
    with DialectStandIn(DIALECTS[name]) as server:
        diagnosis = doctor.examine(**settings_of(server))
    assert diagnosis.wrongs == []
    assert any(words in line for line in diagnosis.lines if "OPENAI_MODEL" in line), diagnosis.lines


@pytest.mark.parametrize("name", ["vllm-context", "tgi-context", "llama-cpp-small-context"])
def test_small_context_passes(doctor: Doctor, name: str) -> None:
    """The service asks for less at once; that is a note where the server says how much it has."""
    with DialectStandIn(DIALECTS[name]) as server:
        diagnosis = doctor.examine(**settings_of(server))
    assert diagnosis.wrongs == []


@pytest.mark.long(3)
def test_long_thinking_passes(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thoughts show that the server has taken the question, if no word comes in time."""
    thought = {"choices": [{"index": 0, "delta": {"reasoning": "Well …"}}]}
    monkeypatch.setattr(src.doctor.model, "WAIT_SECONDS", 0.3)
    with StubServer({}) as server:
        server.otherwise = StubAnswer(
            200, f"data: {json.dumps(thought)}\n\n", {"Content-Type": "text/event-stream"}, 2.0
        )
        url = f"{server.url}/v1"
        diagnosis = doctor.examine(OPENAI_API_KEY="a-key-1", OPENAI_BASE_URL=url)
    assert diagnosis.wrongs == []
    assert any("thinks for longer" in line for line in diagnosis.of("note"))


def test_schema_that_is_refused_as_a_failure(doctor: Doctor, standin: OpenRouterStandIn) -> None:
    """Some servers fail (500) where they mean to refuse; the service finds that out, too."""
    standin.script.fail_always("reject_json_schema_500")
    assert doctor.examine(**settings_of(standin)).wrongs == []


def test_error_that_passes(doctor: Doctor, standin: OpenRouterStandIn) -> None:
    standin.script.fail_next("status_503")
    assert doctor.examine(**settings_of(standin)).wrongs == []


def test_few_tokens_are_bought(doctor: Doctor, standin: OpenRouterStandIn) -> None:
    """One call, which is cancelled at its first words."""
    doctor.examine(**settings_of(standin))
    assert len(standin.calls.all()) == 1


def test_key_that_is_not_the_server_s(doctor: Doctor, standin: OpenRouterStandIn) -> None:
    variables = settings_of(standin) | {"OPENAI_API_KEY": "sk-or-another-one"}
    doctor.name_one("OPENAI_API_KEY", "not accepted", **variables)


@pytest.mark.parametrize("misbehaviour", ["silence", "blank_drip"])
def test_server_that_says_nothing(
    doctor: Doctor,
    standin: OpenRouterStandIn,
    monkeypatch: pytest.MonkeyPatch,
    misbehaviour: str,
) -> None:
    monkeypatch.setattr(src.doctor.model, "WAIT_SECONDS", 0.2)
    standin.script.fail_always(misbehaviour)
    doctor.name_one("OPENAI_MODEL", "does not begin to answer", **settings_of(standin))


def test_server_that_is_not_there(doctor: Doctor) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    doctor.name_one("OPENAI_BASE_URL", "refuses", OPENAI_API_KEY="a-key-1", OPENAI_BASE_URL=url)


def test_redirect(doctor: Doctor, stub: StubServer) -> None:
    stub.otherwise = StubAnswer(301, "", {"Location": "https://elsewhere.example"})
    url = f"{stub.url}/v1"
    doctor.name_one("OPENAI_BASE_URL", "elsewhere", OPENAI_API_KEY="a-key-1", OPENAI_BASE_URL=url)


def test_page_without_v1(doctor: Doctor, stub: StubServer) -> None:
    stub.otherwise = StubAnswer(200, PAGE)
    words = ("OPENAI_BASE_URL", "/v1")
    doctor.name_one(*words, OPENAI_API_KEY="a-key-1", OPENAI_BASE_URL=stub.url)


def test_clock_of_the_model_s_server_counts(doctor: Doctor, stub: StubServer) -> None:
    stub.otherwise = StubAnswer(401, {}, {"Date": "Thu, 01 Jan 2026 00:00:00 GMT"})
    wrongs = doctor.examine(OPENAI_API_KEY="a-key-1", OPENAI_BASE_URL=f"{stub.url}/v1").wrongs
    assert [line.partition(":")[0] for line in wrongs] == ["OPENAI_API_KEY", "clock"]
