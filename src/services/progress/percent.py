"""Progress in percent."""


def whole_percent(completed: int, total: int) -> int:
    """Return the share in whole percent, rounded down; 100 means that all is completed."""
    return 100 * completed // total if total else 0
