"""Attempts to make the model obey a learner's text, or a stored one, instead of its rules.

Each says how a model that obeys would answer; `tests.support.injection_trial` has the stand-in do
so against the running service. `injections.jsonl` holds them, a line each. Malicious addresses in
it are of domains and networks that are reserved for examples, or lead nowhere under endings that
real links have. What nobody sees is escaped there.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support.standin.obedience import Order

PADDINGS = 4_000


@dataclass(frozen=True)
class Attempt:
    """One attempt: its text, where it stands, and what an obedient model does, with which payload.

    `unseen` is the part of the text that no person sees; the model reads it as the rest.
    `padding` follows the text, thousands of times.
    """

    name: str
    place: Literal["goal", "question", "task"]
    language: str
    text: str
    deed: str
    payload: str = ""
    unseen: str = ""
    padding: str = ""

    @property
    def whole_text(self) -> str:
        return self.text + self.padding * PADDINGS

    @property
    def order(self) -> Order:
        return Order(self.unseen or self.whole_text, self.deed, self.payload)


ATTEMPTS = tuple(
    Attempt(**json.loads(line))
    for line in Path(__file__).with_suffix(".jsonl").read_text("utf-8").splitlines()
)
