"""Thinking in a text is dropped, and nothing else."""

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.llm.openrouter.thinking import MAX_HELD, ThinkingFilter

JSON = '{"weeks":[{"week_number":1}]}'
DRAFT = '{"weeks":[{"week_number":9}]}'
PROSE = "Start with lists.\n\nThen dicts."
FINAL = "<|start|>assistant<|channel|>final<|message|>"

OPENED = {
    "deepseek": f"<think>\nOkay, {DRAFT}\n</think>\n\n%s",
    "empty": "<think>\n\n</think>\n\n%s",
    "after blanks": "\n \t<think>a</think>%s",
    "upper case": "<THINK>a</Think>%s",
    "two blocks": f"<think>a {DRAFT}</think>\n<think>b</think>\n%s",
    "two kinds": "<thinking>a</thinking><reasoning>b</reasoning>%s",
    "nested": "<think>a <reason>b</reason> c</think>%s",
    "only mentioned inside": "<think>I close with `</think>` and answer</think>%s",
    "quote before the end": "<think>It is `x`</think>%s",
    "seed": "<seed:think>a</seed:think>%s",
    "sky": "<|begin_of_thought|>a<|end_of_thought|>\n\n<|begin_of_solution|>%s<|end_of_solution|>",
    "cohere": "<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>%s<|END_RESPONSE|>",
    "cohere, no thinking": "<|START_RESPONSE|>%s<|END_RESPONSE|>",
    "granite": "<think>a</think>\n<response>%s</response>",
    "answer": "<think>a</think><answer>%s</answer>",
    "gemma": "<|channel>thought\na<channel|>%s",
    "magistral": "[THINK]a[/THINK]%s",
    "kimi": "◁think▷a◁/think▷%s",
    "apertus": "<|inner_prefix|>a<|inner_suffix|>%s",
    "no thinking, closed": "</think>\n\n%s",
    "harmony": f"<|channel|>analysis<|message|>a {DRAFT}<|end|>{FINAL}%s<|return|>",
    "harmony, whole message": f"<|start|>assistant<|channel|>analysis<|message|>a<|end|>{FINAL}%s",
    "harmony, final alone": "<|channel|>final <|constrain|>json<|message|>%s<|end|>",
    "harmony, commentary": "<|channel|>commentary to=functions.f <|constrain|>json<|message|>"
    f'{{"a":1}}<|call|><|channel|>analysis<|message|>a<|end|>{FINAL}%s<|return|>',
    "harmony, no end of analysis": f"<|channel|>analysis<|message|>a{FINAL}%s<|return|>",
    "harmony, no tokens": f"analysisThe user asks. {DRAFT}assistantfinal%s",
}
"""Thinking that has an opening mark, as models and servers send it."""

UNOPENED = {
    "deepseek": f"Okay, the user wants {DRAFT}.\n</think>\n\n%s",
    "no line end": "1.  The user asks for a product.\n3.  Answer briefly.</think>%s",
    "mentioned first": "I close with `</think>`, as in\n```\n<think></think>\n```\n</think>%s",
    "kimi": "Okay.◁/think▷%s",
    "magistral": "Okay.[/THINK]%s",
    "gemma": "Okay.<channel|>%s",
    "harmony": f"The user asks.<|end|>{FINAL}%s<|return|>",
    "marked in the end": "Okay.\n</think>\n<think>a</think>%s",
}
"""Thinking whose opening mark was part of the prompt."""

PLAIN = {
    "prose": PROSE,
    "blanks": "  \n Start.",
    "html": "<b>is bold</b>, <thead> is a table's head",
    "in the middle": "Wrap it in <think> and </think>, then <answer>x</answer>.",
    "in quotes": "`<think>` opens and `</think>` closes; “</think>” too.",
    "in a fence": "Use this:\n```xml\nYou reason\n</think>\n```\nThat is all.",
    "almost a mark": "<thin",
    "a word": "analysis of data comes first",
    "a title": "Analysis comes first; assistantfinal is a word.",
    "a link in brackets": "[the docs] say so",
    "empty": "",
}


def run(text: str, size: int, *, hold: bool = False, json: bool = False) -> str:
    thinking = ThinkingFilter(hold=hold, json=json)
    pieces = [thinking.feed(text[i : i + size]) for i in range(0, len(text), size)]
    return "".join([*pieces, thinking.finish()])


SIZES = (1, 3, 1000)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", OPENED)
@pytest.mark.parametrize("hold", [False, True])
def test_marked_thinking_is_dropped(name: str, size: int, hold: bool) -> None:  # noqa: FBT001
    """The answer alone remains, whether the text is held back or not."""
    assert run(OPENED[name] % PROSE, size, hold=hold) == PROSE
    assert run(OPENED[name] % JSON, size, hold=hold, json=True) == JSON


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("answer", ['"Yes", it said.', "`x` is a name."])
def test_answer_may_begin_with_a_quote(answer: str, size: int) -> None:
    """Between two quotes that close and open others, a mark is no mention."""
    assert run(f"<think>It is `x`</think>{answer}", size, hold=False) == answer


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", UNOPENED)
def test_unopened_thinking_is_dropped_from_held_text(name: str, size: int) -> None:
    """A text that is held back shows at its closing mark that it was thinking; JSON always is."""
    assert run(UNOPENED[name] % PROSE, size, hold=True) == PROSE
    assert run(UNOPENED[name] % JSON, size, hold=False, json=True) == JSON


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("hold", [False, True])
def test_other_prose_passes_unchanged(name: str, size: int, hold: bool) -> None:  # noqa: FBT001
    """A mark that an answer mentions is part of it."""
    assert run(PLAIN[name], size, hold=hold) == PLAIN[name]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "text",
    [
        '{"goal": "Wrap it in <think> and </think>"}',
        '["</think>"]',
        f"```json\n{JSON}\n```",
        f"Sure! Here it is:\n\n{JSON}\n\nGood luck!",
        "I cannot help with `</think>`.",
    ],
)
def test_other_json_passes_unchanged(text: str, size: int) -> None:
    """So does the text around it, and a refusal in its place."""
    assert run(text, size, json=True) == text


@pytest.mark.parametrize(
    "text",
    [
        "<think>and so on",
        "<think>and so on</thin",
        "<think>I write `</think>` at the end",
        "<|channel|>analysis<|message|>and so on<|end|>",
        "<|channel|>analy",
        "analysisThe user asks.",
    ],
)
def test_thinking_without_end_is_no_answer(text: str) -> None:
    """A model that never stops thinking has not answered."""
    for size in SIZES:
        assert run(text, size) == ""
        assert run(text, size, hold=True, json=True) == ""


def test_answer_streams() -> None:
    """What is surely the answer passes at once."""
    thinking = ThinkingFilter(hold=False)
    assert thinking.feed("<think>a</think>Start") == "Start"
    assert thinking.feed(" here") == " here"
    thinking = ThinkingFilter(hold=False)
    assert thinking.feed("S") + thinking.feed("tart") == "Start"
    for start in ("{", "```json\n{", '["'):
        thinking = ThinkingFilter(hold=True, json=True)
        assert thinking.feed(start + " ") == start + " "
    assert ThinkingFilter(hold=True).feed(PROSE) == ""


@pytest.mark.parametrize(
    ("text", "hold", "seen"),
    [
        (UNOPENED["deepseek"] % PROSE, True, True),
        (UNOPENED["deepseek"] % PROSE, False, True),
        (OPENED["deepseek"] % PROSE, True, False),
        (OPENED["no thinking, closed"] % PROSE, True, False),
        (PROSE, True, False),
        (PROSE, False, False),
        ("Close it with </think>, always.", False, False),
    ],
)
def test_unopened_thinking_is_noted(text: str, hold: bool, seen: bool) -> None:  # noqa: FBT001
    """It is noted even if it has passed, so that the next answer is held back."""
    for size in SIZES:
        thinking = ThinkingFilter(hold=hold)
        for start in range(0, len(text), size):
            thinking.feed(text[start : start + size])
        thinking.finish()
        assert thinking.saw_unopened == seen


def test_memory_is_bounded() -> None:
    """Endless thinking is dropped as it comes, marked or not; the answer after it still counts."""
    for start in ("<think>", "Okay, ", "<|channel|>analysis<|message|>", " "):
        thinking = ThinkingFilter(hold=True)
        assert thinking.feed(start) == ""
        tracemalloc.start()
        for _ in range(MAX_HELD // 500):
            assert thinking.feed("and so on, " * 100) == ""
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert held < 10_000
        end = f"<|end|>{FINAL}" if "channel" in start else "</think>"
        assert thinking.feed(f"{end}{PROSE}") + thinking.finish() == PROSE


marked = st.sampled_from([*OPENED.values(), "%s"])
answers = st.text(alphabet='ab <>|/`"\n{}[]', max_size=40).filter(lambda text: "<|" not in text)


@given(marked, answers, st.data())
def test_splits_make_no_difference(template: str, answer: str, data: st.DataObject) -> None:
    """Any pieces give what the whole gives, and an answer passes unchanged but for blanks."""
    text = template.replace("%s", answer)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))))
    for hold, json in ((False, False), (True, False), (False, True)):
        thinking = ThinkingFilter(hold=hold, json=json)
        pieces = [thinking.feed(text[a:b]) for a, b in pairwise([0, *cuts, len(text)])]
        passed = "".join([*pieces, thinking.finish()])
        assert passed == run(text, len(text) or 1, hold=hold, json=json)
        assert passed.strip() == answer.strip()
