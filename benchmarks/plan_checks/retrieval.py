"""Check `retrieval`: what was taught comes back while it is worth it.

Formula: a topic is an item of the outline's focus, first taught on the first day of its week that
names it. It comes back on a later day that names it, after a gap that suits the days left until
the plan's end: 5 to 40 % of them; where 40 % is less than a week, up to a week; at least one day.
The gap runs from a day that also names the topic, so days of practice in between do no harm. A
task that names more than six topics brings none of them back. Topics first taught in the last
quarter are not judged.
Threshold: every topic comes back at least once, and from four weeks on twice, one after the other.
The figure is the share of topics that do.
Source: Cepeda, Vul, Rohrer, Wixted and Pashler 2008, "Spacing Effects in Learning: A Temporal
Ridgeline of Optimal Retention", Psychological Science 19: the best gap is 20 to 40 % of the time to
the test where that is a week, and 5 to 10 % where it is a year. Both ends of that range are
allowed at any length, since what is between was not measured for skills; a week is the rhythm
of the product's plans.
"""

from benchmarks.plan_checks.plans import Plan
from benchmarks.plan_checks.text import stems
from benchmarks.plan_checks.topics import Topic, TopicList
from benchmarks.plan_checks.verdict import Verdict, share

SMALLEST_GAP, LARGEST_GAP = 0.05, 0.4
WEEK = 7
LAST_QUARTER = 0.75
TWICE_FROM_WEEKS = 4
MOST_TOPICS_AT_ONCE = 6


def judge(plan: Plan) -> Verdict:
    """Judge whether a plan's topics come back."""
    wanted = 2 if plan.goal.weeks >= TWICE_FROM_WEEKS else 1
    days = days_by_topic(plan)
    judged = {
        topic: named
        for topic, named in days.items()
        if not named or named[0] <= LAST_QUARTER * plan.last_day
    }
    forgotten = [
        f"{topic} comes back {times} times of {wanted}"
        for topic, named in judged.items()
        if (times := returns(named, plan.last_day, wanted)) < wanted
    ]
    kept = share(len(judged) - len(forgotten), len(judged))
    return Verdict(bool(judged) and not forgotten, kept, tuple(forgotten))


def days_by_topic(plan: Plan) -> dict[str, list[int]]:
    """Return for each topic of the outline the days that name it, from the week it is taught."""
    first_week: dict[tuple[str, ...], tuple[str, int]] = {}
    for week, focus in plan.focus():
        first_week.setdefault(stems(focus), (focus, week))
    topics = TopicList(Topic(name) for name, _ in first_week.values())
    days: dict[str, list[int]] = {name: [] for name, _ in first_week.values()}
    for placed in plan.tasks:
        named = topics.named_in(placed.text)
        if len(named) > MOST_TOPICS_AT_ONCE:
            continue
        for name in named:
            if placed.day not in days[name][-1:]:
                days[name].append(placed.day)
    starts = {name: (week - 1) * 7 for name, week in first_week.values()}
    return {name: [day for day in named if day > starts[name]] for name, named in days.items()}


def returns(days: list[int], last_day: int, wanted: int) -> int:
    """Return how many times in a row a topic comes back after a gap that suits, up to `wanted`.

    `days` are the days that name it, in order; the chain may leave some of them out.
    """
    longest = [0] * len(days)
    for later, day in enumerate(days):
        for earlier in range(later):
            if suits(day - days[earlier], last_day - days[earlier]):
                longest[later] = max(longest[later], longest[earlier] + 1)
        if longest[later] >= wanted:
            return wanted
    return max(longest, default=0)


def suits(gap: int, days_left: int) -> bool:
    """Whether a gap suits the days that are left until the plan's end."""
    most = max(WEEK, LARGEST_GAP * days_left)
    return max(1.0, SMALLEST_GAP * days_left) <= gap <= most
