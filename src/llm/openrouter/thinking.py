"""Drops what a model thinks aloud before its answer, while the text streams in.

Servers should report thinking beside the text; many leave it in the text. Only thinking at the
start counts: further on, `<think>` is part of an answer, perhaps about XML or prompts.
"""

import re
from collections.abc import Callable, Iterable

_XML_NAMES = ("think", "thinking", "thought", "thoughts", "reason", "reasoning", "seed:think")

_CLOSER_BY_OPENER = {f"<{name}>": f"</{name}>" for name in _XML_NAMES} | {
    "<|begin_of_thought|>": "<|end_of_thought|>",  # Sky-T1, OpenThinker
    "<|start_thinking|>": "<|end_thinking|>",  # Command A
    "<|inner_prefix|>": "<|inner_suffix|>",  # Apertus
    "<|channel>thought": "<channel|>",  # Gemma 4
    "[think]": "[/think]",  # Magistral
    "◁think▷": "◁/think▷",  # Kimi
}
"""The marks around thinking, in lower case, as Open WebUI, vLLM and LocalAI list them."""

# The opening mark may be part of the prompt, so that the text has the closing one alone. The other
# names are too common as XML elements.
_UNOPENED_CLOSERS = [
    closer
    for opener, closer in _CLOSER_BY_OPENER.items()
    if opener[1:-1] not in _XML_NAMES or "think" in opener
]

_END_BY_WRAPPER = {
    "<|begin_of_solution|>": "<|end_of_solution|>",
    "<|start_response|>": "<|end_response|>",
    "<response>": "</response>",  # Granite
    "<answer>": "</answer>",
}
"""The marks around an answer that follows thinking."""

_HARMONY_OPENERS = ("<|channel|>", "<|start|>assistant", "assistant<|channel|>")
"""How the messages of gpt-oss begin: each has a channel, and `final` alone is the answer."""

_CHANNEL_NAME = "analysis"
"""What remains of the first harmony header if a server drops the special tokens."""

_FIRST_MARKS = (
    *(_CLOSER_BY_OPENER | _END_BY_WRAPPER),
    *(*_HARMONY_OPENERS, *_UNOPENED_CLOSERS, _CHANNEL_NAME),
)
"""What a text may begin with that is not the answer."""


def _any_of(marks: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, marks)), re.IGNORECASE)


_FIRST_MARK = _any_of(_FIRST_MARKS)
_HELD_MARK = _any_of([*_CLOSER_BY_OPENER, *_UNOPENED_CLOSERS, "<|start|>assistant", "```"])
_UNOPENED_CLOSER = _any_of(_UNOPENED_CLOSERS)
_CLOSER_AT_LINE_END = re.compile(rf"(?:{_UNOPENED_CLOSER.pattern})[ \t]*\n", re.IGNORECASE)
_HARMONY_HEADER = re.compile(r"<\|channel\|>\s*(\w+).*?<\|message\|>", re.DOTALL)
_HARMONY_END = re.compile(r"<\|(?:end|return|call)\|>|(?=<\|(?:start|channel)\|>)")

_QUOTES = "`\"'“”\u2018\u2019«»"
_OPENING_QUOTE = re.compile(rf"(?:[“\u2018«]|(?:^|[\s(\[{{<=:,/])[{_QUOTES}])$")
"""A quote after a letter or a full stop closes what came before: it does not open a mention."""

_WINDOW = 128
"""In characters, what is kept to recognise a mark or a harmony header that pieces split."""

MAX_HELD = 100_000
"""In characters. No requested answer is as long; a longer text in front of the answer is
thinking."""


class ThinkingFilter:
    """Passes on the answer in a text that arrives in pieces.

    A text without thinking passes unchanged. `saw_unopened` is whether thinking ended without
    having begun, so that the next answer of the same model should be held back.
    """

    def __init__(self, *, hold: bool, json: bool = False) -> None:
        """Hold prose back until its end if `hold`, since its thinking may have no opening mark.

        With `json`, text that begins with `{`, `[` or a fence passes at once, and any other is held
        back: a draft in unmarked thinking looks like the answer.
        """
        self.saw_unopened = False
        self._hold = hold or json
        self._json = json
        self._has_thought = False
        self._buffer = ""
        self._is_last = False
        # Each step consumes some of the buffer and returns what it passes on; None if it waits.
        self._step: Callable[[], str | None] = self._begin
        self._end = re.compile("")
        self._searched = 0
        self._in_fence = False
        self._tail = ""

    def feed(self, piece: str) -> str:
        """Add a piece and return what is surely part of the answer; may be empty."""
        self._buffer += piece
        return self._run()

    def finish(self) -> str:
        """Return the rest of the answer; nothing if the text ends inside its thinking."""
        self._is_last = True
        text = self._run()
        if self._step in (self._begin, self._wait_for_closer, self._pass, self._pass_to_end):
            text += self._buffer
        self._buffer = ""
        return text

    def _run(self) -> str:
        passed = []
        while (text := self._step()) is not None:
            passed.append(text)
        return "".join(passed)

    def _begin(self) -> str | None:
        """Decide by its first characters whether the text begins with thinking."""
        text = self._buffer.lstrip()
        if self._has_thought:
            self._buffer = text
        mark = _FIRST_MARK.match(text)
        if mark and self._is_first_mark(mark, text):
            return self._follow(mark[0].lower(), text[mark.end() :])
        if not self._is_last and any(each.startswith(text.lower()) for each in _FIRST_MARKS):
            self._buffer = self._buffer[-_WINDOW:]  # More than that are blanks.
            return None
        starts_json = self._json and text.startswith(("{", "[", "```"))
        is_answer = self._has_thought or starts_json or not self._hold
        self._step = self._pass if is_answer else self._wait_for_closer
        return ""

    def _is_first_mark(self, mark: re.Match[str], text: str) -> bool:
        if mark[0].lower() in _END_BY_WRAPPER:
            return self._has_thought or mark[0].startswith("<|")
        if mark[0].lower() == _CHANNEL_NAME:  # "analysisThe user asks", never "analysis of"
            return mark[0].islower() and text[mark.end() : mark.end() + 1].isupper()
        return True

    def _follow(self, mark: str, rest: str) -> str:
        """Go on after a mark of thinking or of an answer."""
        self._buffer, self._has_thought = rest, True
        if mark in _CLOSER_BY_OPENER:
            self._end = _any_of([_CLOSER_BY_OPENER[mark]])
            self._step = self._skip
        elif mark == _CHANNEL_NAME:
            self._end, self._step = _any_of(["assistantfinal"]), self._skip
        elif mark in _END_BY_WRAPPER:
            self._end, self._step = _any_of([_END_BY_WRAPPER[mark]]), self._pass_to_end
        elif mark in _HARMONY_OPENERS:
            self._buffer, self._step = mark + rest, self._skip_harmony
        else:
            self._step = self._begin
        return ""

    def _wait_for_closer(self) -> str | None:
        """Hold the text back until a mark shows whether it is thinking; its end shows that, too.

        A mark in quotes or in a fenced block is only mentioned.
        """
        text = self._buffer
        decidable = len(text) - (0 if self._is_last else _WINDOW)
        for mark in _HELD_MARK.finditer(text, self._searched):
            if mark.start() >= decidable:
                break
            self._searched = mark.end()
            if mark[0] == "```":
                self._in_fence = not self._in_fence
            elif not self._in_fence and not _is_quoted(text, mark):
                return self._decide(mark[0].lower(), text[mark.end() :])
        self._searched = max(self._searched, decidable)
        if len(text) > MAX_HELD:
            self.saw_unopened = True
            self._end, self._step = _UNOPENED_CLOSER, self._skip
            return ""
        return None

    def _decide(self, mark: str, rest: str) -> str:
        is_opener = mark in _CLOSER_BY_OPENER
        if is_opener and not self._json:  # an answer about such marks
            self._step = self._pass
            return ""
        self.saw_unopened = not is_opener
        return self._follow(mark, rest)

    def _skip(self) -> str | None:
        """Drop thinking to its end."""
        for end in self._end.finditer(self._buffer):
            may_be_quoted = end.end() == len(self._buffer) and not self._is_last
            if may_be_quoted:
                break
            if not _is_quoted(self._buffer, end):
                self._buffer = self._buffer[end.end() :]
                self._has_thought, self._step = True, self._begin
                return ""
        self._buffer = self._buffer[-_WINDOW:]
        return None

    def _skip_harmony(self) -> str | None:
        """Drop messages up to the next one of the final channel."""
        header = _HARMONY_HEADER.search(self._buffer)
        if header is None:
            self._buffer = self._buffer[-_WINDOW:]
            return None
        self._buffer = self._buffer[header.end() :]
        if header[1] == "final":
            self._end, self._step = _HARMONY_END, self._pass_to_end
        return ""

    def _pass_to_end(self) -> str | None:
        """Pass the answer up to its end mark."""
        end = self._end.search(self._buffer)
        if end is None:
            # What begins like a mark at the end of the buffer waits for the rest of it.
            cut = self._buffer.rfind("<", -_WINDOW)
            cut = len(self._buffer) if cut < 0 or ">" in self._buffer[cut:] else cut
            text, self._buffer = self._buffer[:cut], self._buffer[cut:]
            return text or None
        text, self._buffer = self._buffer[: end.start()], self._buffer[end.end() :]
        self._step = self._skip_harmony if self._end is _HARMONY_END else self._pass
        return text

    def _pass(self) -> str | None:
        """Pass all text, and note thinking that passed because the text was not held back."""
        text, self._buffer = self._buffer, ""
        recent = self._tail + text
        if not self._has_thought and _CLOSER_AT_LINE_END.search(recent):
            self.saw_unopened = True
        self._tail = recent[-_WINDOW:]
        return text or None


def _is_quoted(text: str, mark: re.Match[str]) -> bool:
    before, after = text[max(mark.start() - 2, 0) : mark.start()], text[mark.end() : mark.end() + 1]
    return after != "" and after in _QUOTES and _OPENING_QUOTE.search(before) is not None
