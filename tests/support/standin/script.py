"""What goes wrong: which misbehaviour affects which call."""

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.support.standin.answers import Wanted
from tests.support.standin.misbehaviours import MISBEHAVIOURS
from tests.support.standin.obedience import Order
from tests.support.standin.oddities import ODDITIES

EVERY_MISBEHAVIOUR = MISBEHAVIOURS | ODDITIES


@dataclass
class Rule:
    """A misbehaviour for the calls that match; `times` None means for ever."""

    name: str
    kind: str | None = None
    week: int | None = None
    times: int | None = None

    def __post_init__(self) -> None:
        if self.name not in EVERY_MISBEHAVIOUR:
            raise ValueError(f"unknown misbehaviour {self.name!r}")

    def affects(self, wanted: Wanted) -> bool:
        return (
            self.times != 0
            and self.kind in {None, wanted.kind}
            and self.week in {None, wanted.week_number}
        )


@dataclass(frozen=True)
class Spoil:
    """A share of all calls to spoil, drawn by what is asked rather than by the order of calls.

    The misbehaviours are dealt like cards: each as often as any other.
    """

    share: float
    names: Sequence[str]
    seed: int = 1

    def __post_init__(self) -> None:
        for name in self.names:
            Rule(name)

    def strikes(self, wanted: Wanted, attempt: int) -> bool:
        facts = json.dumps(wanted.facts, sort_keys=True)
        return random.Random(f"{self.seed}/{facts}/{attempt}").random() < self.share

    def deck(self) -> Iterator[str]:
        """Yield the names without end, every one of them before any comes again."""
        dice = random.Random(self.seed)
        while self.names:
            yield from dice.sample(self.names, len(self.names))


class Script:
    """Says which misbehaviour affects which call. The earliest rule that still applies wins."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Let everything go well again."""
        with self._lock:
            self._rules: list[Rule] = []
            self._spoil: Spoil | None = None
            self._deck: Iterator[str] = iter(())
            self._orders: list[Order] = []
            self._attempts: Counter[str] = Counter()

    def fail_next(self, name: str, times: int = 1) -> None:
        """Spoil the next calls, whatever they ask for."""
        self.add(Rule(name, times=times))

    def fail_always(self, name: str) -> None:
        """Spoil every call."""
        self.add(Rule(name))

    def fail_when(
        self,
        name: str,
        *,
        kind: str | None = None,
        week: int | None = None,
        times: int | None = None,
    ) -> None:
        """Spoil the calls that ask for this: all of them, or only the first `times`."""
        self.add(Rule(name, kind, week, times))

    def spoil(self, share: float, names: Sequence[str], seed: int = 1) -> None:
        """Spoil a share of the calls that no rule affects."""
        spoil = Spoil(share, tuple(names), seed)
        with self._lock:
            self._spoil, self._deck = spoil, spoil.deck()

    def obey(self, order: Order) -> None:
        """Do what an order says in every call whose data contain it."""
        with self._lock:
            self._orders.append(order)

    def order_in(self, wanted: Wanted) -> Order | None:
        """Return the first order that the call's data contain; None for none."""
        with self._lock:
            return next((each for each in self._orders if each.stands_in(wanted.facts)), None)

    def add(self, rule: Rule) -> None:
        """Append a rule."""
        with self._lock:
            self._rules.append(rule)

    def choose(self, wanted: Wanted) -> str | None:
        """Return the misbehaviour of this call, None for none, and count it."""
        with self._lock:
            key = json.dumps(wanted.facts, sort_keys=True)
            self._attempts[key] += 1
            for rule in self._rules:
                if rule.affects(wanted):
                    if rule.times is not None:
                        rule.times -= 1
                    return rule.name
            if self._spoil and self._spoil.strikes(wanted, self._attempts[key]):
                return next(self._deck, None)
            return None
