"""The language model: whether its server takes the key, the model's name, and which format."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from urllib.parse import urlsplit

from src.doctor.findings import Finding, note, ok, wrong
from src.doctor.network import WAIT_SECONDS, Network, UnreachableError, proxy_variable
from src.domain.errors import (
    ModelDeclinedError,
    ModelError,
    ModelMisconfiguredError,
    ModelTooSlowError,
)
from src.domain.plan import PlanRequest, WeekOutline
from src.domain.vocabulary import DAYS_PER_WEEK
from src.llm.openrouter.client import OpenRouterClient
from src.llm.openrouter.dialect import Dialect
from src.llm.openrouter.errors import (
    ContextTooSmallError,
    NoDialectError,
    NotTheProtocolError,
    RateLimitedError,
)
from src.llm.openrouter.prompts import days_messages
from src.llm.openrouter.schemas import days_shape
from src.settings import Settings

KEY, BASE_URL, MODEL = "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"

SMALL_CONTEXT_TOKENS = 4_096
"""Below it, a busy week is asked for in many short calls, and the assistant sees few tasks."""

# A real question, whose prompt and schema are as large as in service.
REQUEST = PlanRequest(
    goal="Learn to juggle three balls", duration_weeks=1, daily_hours=1, level="beginner"
)
WEEK = WeekOutline(week_number=1, goal="Throw and catch", focus=("throws", "rhythm"))
DAYS = list(range(1, DAYS_PER_WEEK + 1))
SHAPE = days_shape(REQUEST, DAYS)

RETRY_WAIT_SECONDS = 0.5

RETRIES = 2
"""As in service: an error may pass, and some servers fail (5xx) where they mean to refuse."""

ANSWER_TOKENS = 2_048
"""As much as two days of the planner's largest questions take."""

_FORMATS = {
    "rich": "takes a JSON schema with all rules",
    "plain": "takes a JSON schema with types alone, so rules are checked here",
    "json_object": "takes no schema, only JSON mode, so weaker models need more attempts",
    "text": "takes no format at all, so weaker models need more attempts",
}

_MENDS: tuple[tuple[str, str, str], ...] = (
    ("no version such as /v1", BASE_URL, "Add /v1, or what the server's documents say."),
    ("no credits", KEY, "Buy credits, or take a free or a local model."),
    (
        "OPENAI_API_KEY is not accepted",
        KEY,
        "Copy it again, from the server in OPENAI_BASE_URL.",
    ),
    ("OPENAI_BASE_URL leads elsewhere", BASE_URL, "Write the address to which it leads."),
    ("OPENAI_MODEL is unknown", MODEL, "Write the model's name as the server lists it."),
    ("OPENAI_BASE_URL is wrong", BASE_URL, "Write the address up to /v1, without an endpoint."),
    ("region", BASE_URL, "Take another provider."),
)
"""Words of a misconfiguration, the variable that it is about, and the mend."""

_MORE_CONTEXT = f"Give the server a context of {2 * SMALL_CONTEXT_TOKENS} tokens or more."

_MEANINGS: tuple[tuple[type[ModelError], str, str, str], ...] = (
    (ContextTooSmallError, MODEL, "", _MORE_CONTEXT),
    (NoDialectError, MODEL, "", "Take another model, or a newer server."),
    (
        NotTheProtocolError,
        BASE_URL,
        "what answers there does not speak OpenAI's protocol",
        "Write the address up to /v1, and see whether a login page is in between.",
    ),
    (RateLimitedError, KEY, "", "Wait, or raise the limit of this key at the provider."),
    (ModelDeclinedError, KEY, "", "See the key's rights, and the account's moderation settings."),
    (
        ModelTooSlowError,
        MODEL,
        f"it does not begin to answer within {WAIT_SECONDS:.0f} s",
        "If the server has to load it first, run the doctor again; otherwise take a faster one.",
    ),
)
"""Other errors, the variable, what is wrong (if empty, the error's own words), and the mend."""


async def check_model(settings: Settings, network: Network) -> AsyncIterator[Finding]:
    """Yield what one question of the planner meets; it is cancelled at its first words."""
    if settings.openai_api_key is None:
        what = "it is not set, so every plan is the offline one, and the assistant is offline"
        yield note(KEY, what)
        return
    try:
        # For the reason if nothing is there, and for the clock; whatever it answers is fine.
        await network.fetch("GET", f"{settings.openai_base_url}/models")
    except UnreachableError as error:
        yield error.finding(BASE_URL)
        return
    client = _open_client(settings, settings.openai_api_key.get_secret_value())
    try:
        failure = await _ask(client)
        dialect = client.accepted_dialect(SHAPE)
    finally:
        await client.close()
    if dialect and (failure is None or isinstance(failure, ModelTooSlowError)):
        for finding in _describe(dialect, settings, thinks_long=failure is not None):
            yield finding
    elif failure:
        yield _explain(failure, settings)


def _open_client(settings: Settings, key: str) -> OpenRouterClient:
    return OpenRouterClient(
        base_url=settings.openai_base_url,
        api_key=key,
        model=settings.openai_model,
        call_timeout=WAIT_SECONDS,
        idle_timeout=WAIT_SECONDS,
        retry_wait=RETRY_WAIT_SECONDS,
        fallback_models=settings.openai_fallback_models,
    )


async def _ask(client: OpenRouterClient) -> ModelError | None:
    """Put the question until its answer begins; return why it does not, or None if it does."""
    meter = client.meter(RETRIES, WAIT_SECONDS)
    try:
        async for attempt in client.attempts(meter):
            with attempt:
                answer = client.stream(
                    days_messages(REQUEST, WEEK, (None, None), DAYS, ()),
                    shape=SHAPE,
                    max_tokens=ANSWER_TOKENS,
                    meter=meter,
                )
                async with aclosing(answer) as pieces:
                    await anext(pieces, None)
    except ModelError as error:
        return error
    return None


def _describe(dialect: Dialect, settings: Settings, *, thinks_long: bool) -> Iterator[Finding]:
    server = urlsplit(settings.openai_base_url).hostname
    is_strict = dialect.answer_format in {"rich", "plain"}
    found = ok if is_strict else note
    yield found(MODEL, f"{server} answers, and {_FORMATS[dialect.answer_format]}")
    if thinks_long:
        yield note(MODEL, f"it thinks for longer than {WAIT_SECONDS:.0f} s before its first word")
    if dialect.context is not None and dialect.context < SMALL_CONTEXT_TOKENS:
        what = f"its context has {dialect.context} tokens, so plans take many short calls"
        yield note(MODEL, what, _MORE_CONTEXT)


def _explain(error: ModelError, settings: Settings) -> Finding:
    """Return what an error means; the errors themselves quote neither key nor server."""
    if isinstance(error, ModelMisconfiguredError):
        for words, subject, mend in _MENDS:
            if words in str(error):
                return wrong(subject, str(error), mend)
    for cls, subject, what, mend in _MEANINGS:
        if isinstance(error, cls):
            return wrong(subject, what or str(error), mend)
    proxy = proxy_variable(settings.openai_base_url)
    mend = f"See the server's log{f', and the proxy in {proxy}' if proxy else ''}."
    return wrong(BASE_URL, f"the model does not answer ({error})", mend)
