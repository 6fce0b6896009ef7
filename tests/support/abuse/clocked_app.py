"""The service with a clock that a file sets: `ABUSE_CLOCK` names it, and it holds seconds."""

import os
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

from api import app
from src.dao.sqlite import file

__all__ = ["app"]

_OFFSET = Path(os.environ["ABUSE_CLOCK"])


class _SetClock(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + timedelta(seconds=float(_OFFSET.read_text() or 0))


file.datetime = _SetClock  # type: ignore[attr-defined]  # the seam of `file.now`
