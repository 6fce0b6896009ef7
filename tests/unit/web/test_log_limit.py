"""How often the same kind of line is logged."""

from src.web.log_limit import MAX_LINES_PER_SECOND, LogLimit


def test_lines_are_bounded_in_every_second() -> None:
    """A flood of requests causes no flood of lines, and the next second has its own."""
    now = 7.0
    limit = LogLimit(lambda: now)
    allowed = [limit.allows_line("a kind") for _ in range(3 * MAX_LINES_PER_SECOND)]
    assert allowed.count(True) == MAX_LINES_PER_SECOND
    assert limit.allows_line("another kind")
    now = 8.0
    assert limit.allows_line("a kind")
