"""What the doctor finds: one line each."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """Something that the doctor has checked.

    `subject` is the variable or the thing, `what` is what it found about that, as a clause, and
    `mend` what to do about it, in sentences. Texts never quote a key, a token or SQL of others.
    """

    level: Literal["ok", "note", "WRONG"]
    subject: str
    what: str
    mend: str = ""

    @property
    def is_wrong(self) -> bool:
        """Whether the service does not work like this."""
        return self.level == "WRONG"

    def __str__(self) -> str:
        text = f"{self.subject}: {self.what}. {self.mend}"
        return f"{self.level:<5}  {' '.join(text.split())}"


def ok(subject: str, what: str) -> Finding:
    """Return that something is right."""
    return Finding("ok", subject, what)


def note(subject: str, what: str, mend: str = "") -> Finding:
    """Return something that works, and that the operator may want otherwise."""
    return Finding("note", subject, what, mend)


def wrong(subject: str, what: str, mend: str) -> Finding:
    """Return something that keeps the service from working, and the mend."""
    return Finding("WRONG", subject, what, mend)
