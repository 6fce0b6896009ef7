"""Progress as SVG: small, accessible, and safe in an `<img>`: no scripts, nothing to load.

Every picture has a title, a description that says in words what it shows, and colours whose
contrast to the background is at least 4.5 for texts and 3 for marks (WCAG 2.2, 1.4.3, 1.4.11).
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from typing import Literal
from xml.etree import ElementTree as ET

from src.domain.schedule import ONE_DAY
from src.domain.vocabulary import DAYS_PER_WEEK, shortened

View = Literal["year", "weeks", "burnup"]
Theme = Literal["light", "dark"]

FONT = {"font-family": "system-ui,sans-serif", "font-size": "12"}
"""As attributes: the service's Content-Security-Policy allows no style to a picture on its own."""
MAX_TITLE = 80


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of a theme. `levels` go from little to much."""

    background: str
    text: str
    empty: str
    planned: str
    done: str
    levels: tuple[str, str, str, str]


THEMES: Mapping[Theme, Colours] = {
    "light": Colours(
        background="#ffffff",
        text="#1f2328",
        empty="#eaeef2",
        planned="#6e7781",
        done="#116329",
        levels=("#2c974b", "#1a7f37", "#116329", "#033d16"),
    ),
    "dark": Colours(
        background="#0d1117",
        text="#e6edf3",
        empty="#21262d",
        planned="#8b949e",
        done="#56d364",
        levels=("#238636", "#2ea043", "#56d364", "#aff5b4"),
    ),
}

YEAR_WEEKS = 53
CELL = 12
GAP = 2
LEVEL_TASKS = (1, 3, 6, 10)
"""From how many tasks a day on each colour is used: a beginner's day has two or three."""

WIDTH = 760
CHART_TOP = 40
CHART_HEIGHT = 160
CHART_LEFT = 40
CHART_WIDTH = WIDTH - CHART_LEFT - 20


def year_chart(title: str, tasks_by_day: Mapping[date, int], today: date, theme: Theme) -> str:
    """Draw the last 53 weeks, a square for each day, darker (or lighter) the more was completed."""
    first = today - timedelta(days=(YEAR_WEEKS - 1) * DAYS_PER_WEEK + today.weekday())
    shown = {day: tasks for day, tasks in tasks_by_day.items() if first <= day <= today}
    colours = THEMES[theme]
    picture = _Picture(
        title,
        f"{_counted(sum(shown.values()), 'task')} completed on {_counted(len(shown), 'day')}"
        f" from {first} to {today}.",
        colours,
        height=CHART_TOP + 20 + DAYS_PER_WEEK * (CELL + GAP),
    )
    squares: defaultdict[str, str] = defaultdict(str)
    for number in range((today - first).days + 1):
        day = first + number * ONE_DAY
        level = bisect_left(LEVEL_TASKS, shown.get(day, 0) + 1) - 1
        x = 8 + number // DAYS_PER_WEEK * (CELL + GAP)
        y = CHART_TOP + 16 + number % DAYS_PER_WEEK * (CELL + GAP)
        squares[colours.levels[level] if level >= 0 else colours.empty] += (
            f"M{x} {y}h{CELL}v{CELL}h-{CELL}z"
        )
        if day.day == 1:
            picture.text(x, CHART_TOP + 10, f"{day:%b}")
    for colour, path in squares.items():
        picture.path(path, fill=colour)
    return picture.svg()


def weeks_chart(title: str, weeks: Sequence[tuple[int, int, int]], theme: Theme) -> str:
    """Draw a bar for each week: `weeks` are week number, all tasks, and completed tasks."""
    colours = THEMES[theme]
    done, total = sum(week[2] for week in weeks), sum(week[1] for week in weeks)
    picture = _Picture(
        title,
        f"{done} of {_counted(total, 'task')} completed, week by week: "
        + ", ".join(f"week {number} {completed}/{tasks}" for number, tasks, completed in weeks)
        + ".",
        colours,
    )
    most = max((tasks for _, tasks, _ in weeks), default=1) or 1
    step = CHART_WIDTH / max(len(weeks), 1)
    bar = min(step * 0.7, 60)
    bottom = CHART_TOP + CHART_HEIGHT
    for index, (number, tasks, completed) in enumerate(weeks):
        x = CHART_LEFT + index * step + (step - bar) / 2
        for amount, colour, outline in (
            (tasks, "none", colours.planned),
            (completed, colours.done, "none"),
        ):
            height = CHART_HEIGHT * amount / most
            picture.path(
                f"M{x:.1f} {bottom}v-{height:.1f}h{bar:.1f}v{height:.1f}z",
                fill=colour,
                stroke=outline,
            )
        if index % max(1, len(weeks) // 13) == 0:
            picture.text(x + bar / 2, bottom + 16, str(number), anchor="middle")
    picture.text(CHART_LEFT - 6, CHART_TOP + 10, str(most), anchor="end")
    return picture.svg()


def burnup_chart(
    title: str,
    planned: Mapping[date, int],
    completed: Mapping[date, int],
    today: date,
    theme: Theme,
) -> str:
    """Draw how many tasks the plan has by each day (dashed), and how many are completed."""
    colours = THEMES[theme]
    days = sorted({*planned, *completed, today})
    total = sum(planned.values())
    done, due = sum(completed.values()), sum(n for day, n in planned.items() if day <= today)
    picture = _Picture(
        title,
        f"By {today}, {due} of {_counted(total, 'task')} are due and {done} are completed.",
        colours,
    )
    span = max((days[-1] - days[0]).days, 1)
    most = max(total, done, 1)

    def line(counts: Mapping[date, int], last: date) -> str:
        shown = [day for day in days if day <= last]
        sums = accumulate(counts.get(day, 0) for day in shown)
        points = [
            f"{CHART_LEFT + CHART_WIDTH * (day - days[0]).days / span:.0f}"
            f" {CHART_TOP + CHART_HEIGHT * (1 - each / most):.0f}"
            for day, each in zip(shown, sums, strict=True)
        ]
        # Days that fall on one pixel are one point.
        return "M" + "L".join(dict.fromkeys(points))

    picture.path(line(planned, days[-1]), stroke=colours.planned, dashes="5 4")
    picture.path(line(completed, today), stroke=colours.done)
    bottom = CHART_TOP + CHART_HEIGHT + 16
    picture.text(CHART_LEFT, bottom, str(days[0]))
    picture.text(WIDTH - 20, bottom, str(days[-1]), anchor="end")
    picture.text(CHART_LEFT - 6, CHART_TOP + 10, str(most), anchor="end")
    return picture.svg()


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


class _Picture:
    """An SVG document under construction."""

    def __init__(
        self,
        title: str,
        description: str,
        colours: Colours,
        height: int = CHART_TOP + CHART_HEIGHT + 28,
    ) -> None:
        self._colours = colours
        self._root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {WIDTH} {height}",
                "width": str(WIDTH),
                "height": str(height),
                "role": "img",
                "aria-labelledby": "t d",
            }
            | FONT,
        )
        shown = shortened(title, MAX_TITLE)
        ET.SubElement(self._root, "title", {"id": "t"}).text = _allowed(shown)
        ET.SubElement(self._root, "desc", {"id": "d"}).text = _allowed(description)
        self.path(f"M0 0h{WIDTH}v{height}h-{WIDTH}z", fill=colours.background)
        self.text(8, 20, shown)

    def path(
        self, path: str, *, fill: str = "none", stroke: str = "none", dashes: str | None = None
    ) -> None:
        attributes = {"d": path, "fill": fill}
        if stroke != "none":
            attributes |= {"stroke": stroke, "stroke-width": "2"}
        if dashes:
            attributes["stroke-dasharray"] = dashes
        ET.SubElement(self._root, "path", attributes)

    def text(self, x: float, y: float, text: str, *, anchor: str = "start") -> None:
        attributes = {"x": f"{x:.0f}", "y": f"{y:.0f}", "fill": self._colours.text}
        if anchor != "start":
            attributes["text-anchor"] = anchor
        ET.SubElement(self._root, "text", attributes).text = _allowed(text)

    def svg(self) -> str:
        return ET.tostring(self._root, encoding="unicode")


def _allowed(text: str) -> str:
    """Return a text without the characters that XML 1.0 cannot hold (control characters)."""
    return "".join(
        c
        if c in "\t\n" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
        else "\ufffd"
        for c in text
    )
