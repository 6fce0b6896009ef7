"""Plans the outline of a roadmap, and starts its weeks while the outline is still arriving."""

import json
import re
from collections.abc import Callable
from contextlib import suppress

from src.domain.errors import ModelOutputError
from src.domain.plan import Outline, PlanRequest, WeekOutline
from src.domain.plan_rules import outline_violations, same_text_key
from src.llm.known_parts import KnownParts
from src.llm.openrouter import prompts
from src.llm.openrouter.answers import OutlineAnswer, WeekGoal, parse_item, plain_line
from src.llm.openrouter.calls import RoadmapCalls
from src.llm.openrouter.formats import AnswerShape

TOKENS_PER_WEEK = 160

_SHAPE = AnswerShape("outline", OutlineAnswer, "weeks")

_FIRST_GOAL = re.compile(r'"goal"\s*:\s*("(?:[^"\\]|\\.)*")')


class OutlinePlanner:
    """Plans one outline and calls `start` once for each week.

    A week starts when its outline and the next week's are known. The first starts on its goal
    alone, before its entry is complete: the learner waits for it.
    """

    def __init__(
        self,
        calls: RoadmapCalls,
        request: PlanRequest,
        known: KnownParts,
        start: Callable[[WeekOutline], object],
    ) -> None:
        self._calls = calls
        self._request = request
        self._start = start
        self._started: set[int] = set()
        # Goals that are fixed: days have been planned towards them, or are being planned.
        self._goals = dict(known.goals)
        self.weeks: list[WeekOutline] = []
        """The weeks so far, in order."""

    async def plan(self) -> Outline:
        """Return the complete outline.

        Raises:
            ModelError: the model gave no valid outline; the subclass says why.
        """
        needed = self._request.duration_weeks
        problems: list[str] = []
        async for attempt in self._calls.attempts():
            with attempt:
                problems = await self._calls.request_items(
                    prompts.outline_messages(self._request, self.weeks, problems),
                    _SHAPE,
                    (needed + 1 - len(self.weeks)) * TOKENS_PER_WEEK,
                    self._accept_week,
                    self._start_first_week,
                )
                if len(self.weeks) < needed:
                    problems.append("The outline ends too early.")
                    raise ModelOutputError(f"the outline stayed unusable: {problems[0]}")
        self._start_once(self.weeks[-1])
        return Outline(weeks=tuple(self.weeks))

    def _start_first_week(self, text: str) -> None:
        if not self.weeks and 1 not in self._started and (goal := _FIRST_GOAL.search(text)):
            with suppress(ValueError, ModelOutputError):
                entry = {"week_number": 1, "goal": json.loads(goal[1]), "focus": []}
                first = self._parse_week(entry)
                self._goals[1] = first.goal
                self._start_once(first)

    def _accept_week(self, item: object) -> None:
        if len(self.weeks) == self._request.duration_weeks:
            return  # Surplus weeks are dropped.
        week = self._parse_week(item)
        self.weeks.append(week)
        # The one before, whose next week is now known; or the first, which waits for no next one.
        self._start_once(self.weeks[max(week.week_number - 2, 0)])

    def _start_once(self, week: WeekOutline) -> None:
        if week.week_number not in self._started:
            self._started.add(week.week_number)
            self._start(week)

    def _parse_week(self, item: object) -> WeekOutline:
        answer = parse_item(item, WeekGoal)
        number = len(self.weeks) + 1
        # Models may count from zero, or anew after a retry: the order says which week is meant.
        if answer.week_number not in {number, number - 1}:
            raise ModelOutputError(f"Week {number} is missing, or out of order.")
        goal = self._goals.get(number) or plain_line(answer.goal)
        others = (other for week, other in self._goals.items() if week != number)
        if same_text_key(goal) in map(same_text_key, others):
            raise ModelOutputError(f"Week {number} has the goal of another week.")
        focus = tuple(map(plain_line, answer.focus))
        week = WeekOutline(week_number=number, goal=goal, focus=focus)
        prefix = Outline(weeks=(*self.weeks, week))
        shorter = self._request.model_copy(update={"duration_weeks": number})
        for violation in outline_violations(prefix, shorter):
            raise ModelOutputError(violation)
        return week
