"""What is remembered of a server, for how long, and how facts of several providers combine."""

from dataclasses import replace

from src.llm.openrouter.dialect import Dialect
from src.llm.openrouter.memory import FACT_SECONDS, MAX_THINKING_TOKENS, DialectMemory


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_fact_is_forgotten_after_half_an_hour() -> None:
    clock = Clock()
    memory = DialectMemory(clock)
    start = Dialect()
    memory.learn(start, replace(start, answer_format="text"), None)
    clock.now = 600
    memory.learn(start, replace(start, folds_system=True), None)
    assert memory.dialect() == Dialect(answer_format="text", folds_system=True)
    clock.now = FACT_SECONDS
    assert memory.dialect() == Dialect(folds_system=True)
    clock.now = FACT_SECONDS + 600
    assert memory.dialect() == start


def test_forgotten_fact_makes_the_next_call_a_first_contact() -> None:
    clock = Clock()
    memory = DialectMemory(clock)
    memory.learn(Dialect(), Dialect(answer_format="text"), None)
    clock.now = 60
    memory.accept("week")
    assert memory.is_accepted("week")
    clock.now = FACT_SECONDS
    memory.dialect()
    assert not memory.is_accepted("week")


def test_dialect_suits_every_provider() -> None:
    """OpenRouter may route the next call to any of them."""
    memory, start = DialectMemory(), Dialect()
    memory.learn(start, Dialect(answer_format="plain", most_tokens=900), "Groq")
    memory.learn(start, Dialect(answer_format="json_object", most_tokens=700), "Cerebras")
    memory.learn(start, Dialect(left_out=frozenset({"stream_options"})), "Azure")
    memory.learn(start, Dialect(left_out=frozenset({"plugins"})), None)
    assert memory.dialect() == Dialect(
        answer_format="json_object",
        most_tokens=700,
        left_out=frozenset({"stream_options", "plugins"}),
    )


def test_limit_of_one_prompt_is_no_fact() -> None:
    """The context is; what it leaves follows from the length of each prompt."""
    memory, start = DialectMemory(), Dialect()
    memory.learn(start, Dialect(context=4_096, most_tokens=100), None)
    assert memory.dialect() == Dialect(context=4_096)


def test_room_for_thinking_follows_what_is_seen() -> None:
    memory = DialectMemory()
    memory.learn_thinking(0, None)
    assert memory.dialect().thinking_tokens == 0
    memory.learn_thinking(100, None)
    assert memory.dialect().thinking_tokens == 4_096
    memory.learn_thinking(5_000, None)
    assert memory.dialect().thinking_tokens == 10_000
    memory.learn_thinking(100, None)
    assert memory.dialect().thinking_tokens == 10_000
    memory.learn_thinking(10**6, None)
    assert memory.dialect().thinking_tokens == MAX_THINKING_TOKENS


def test_unopened_thinking_is_unknown_at_first() -> None:
    memory = DialectMemory()
    assert memory.dialect().unopened_thinking is None
    memory.learn_unopened_thinking(is_unopened=False, provider="A")
    assert memory.dialect().unopened_thinking is False
    memory.learn_unopened_thinking(is_unopened=True, provider="B")
    assert memory.dialect().unopened_thinking is True
