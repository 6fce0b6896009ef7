"""Pictures of progress."""

from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import get_args
from xml.etree import ElementTree as ET

import pytest

from src.services.progress.charts import (
    THEMES,
    Theme,
    burnup_chart,
    weeks_chart,
    year_chart,
)
from tests.support.service import ROOT

TODAY = date(2026, 11, 26)
DAYS = {TODAY - timedelta(days=number): number % 13 for number in range(0, 500, 2)}
PLANNED = {TODAY - timedelta(days=number): 6 for number in range(-182, 182)}
WEEKS = [(number, 42, number % 43) for number in range(1, 53)]
TITLE = 'Learn <script>alert("1")</script> & \x00\x1b 👩‍💻 ' + "x" * 3_000
NAMESPACE = "{http://www.w3.org/2000/svg}"

CHARTS: dict[str, Callable[[Theme], str]] = {
    "year": lambda theme: year_chart(TITLE, DAYS, TODAY, theme),
    "weeks": lambda theme: weeks_chart(TITLE, WEEKS, theme),
    "burnup": lambda theme: burnup_chart(TITLE, PLANNED, DAYS, TODAY, theme),
    "empty year": lambda theme: year_chart("", {}, TODAY, theme),
    "empty weeks": lambda theme: weeks_chart("", [], theme),
    "empty burnup": lambda theme: burnup_chart("", {}, {}, TODAY, theme),
}


@pytest.mark.parametrize("theme", get_args(Theme))
@pytest.mark.parametrize("name", CHARTS)
def test_pictures_are_small_accessible_and_safe(name: str, theme: Theme) -> None:
    """Well-formed, with a title and a description, and with nothing that runs or loads."""
    text = CHARTS[name](theme)
    assert len(text.encode()) < 30_000
    root = ET.fromstring(text)  # noqa: S314  our own
    assert root.get("role") == "img"
    labels = [root.find(f"{NAMESPACE}{tag}") for tag in ("title", "desc")]
    assert all(label is not None for label in labels)
    assert root.get("aria-labelledby") == " ".join(
        label.get("id", "") for label in labels if label is not None
    )
    assert {element.tag.removeprefix(NAMESPACE) for element in root.iter()} <= {
        "svg", "title", "desc", "path", "text",
    }  # fmt: skip
    attributes = {attribute for element in root.iter() for attribute in element.attrib}
    assert not any(name.startswith("on") or "href" in name for name in attributes)
    assert "style" not in attributes  # the service's Content-Security-Policy allows none
    assert "url(" not in text


def test_descriptions_say_what_is_drawn() -> None:
    assert "3 tasks completed on 1 day from" in year_chart("x", {TODAY: 3}, TODAY, "light")
    assert "1 of 2 tasks completed, week by week: week 1 1/2." in weeks_chart(
        "x", [(1, 2, 1)], "light"
    )
    planned = {TODAY: 2, TODAY + timedelta(days=9): 4}
    assert f"By {TODAY}, 2 of 6 tasks are due and 1 are completed." in burnup_chart(
        "x", planned, {TODAY: 1}, TODAY, "light"
    )


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", get_args(Theme))
def test_contrast(theme: Theme) -> None:
    """Texts have at least 4.5 to the background, marks 3."""
    colours = THEMES[theme]
    assert contrast(colours.text, colours.background) >= 4.5
    for mark in (colours.planned, colours.done, *colours.levels):
        assert contrast(mark, colours.background) >= 3


EXAMPLE = ROOT / "docs/progress.svg"


def example_picture() -> str:
    """Draw a year like that of a learner who began slowly, had breaks, and keeps going."""
    chance = Random(4)
    done = {}
    for number in range(320):
        day = TODAY - timedelta(days=number)
        eagerness = 1.4 - number / 320 - (day.weekday() == 6) - (number % 90 > 81)
        tasks = round(7 * eagerness * chance.random())
        if tasks > 0:
            done[day] = tasks
    return year_chart("Learn Python for data science", done, TODAY, "light")


def test_picture_in_the_readme_is_drawn_by_this_code() -> None:
    """If a change of the drawing is meant, write the text below to the file."""
    assert EXAMPLE.read_text() == example_picture()
