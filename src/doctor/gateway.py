"""What an answer of the project means that is not the answer to the question."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from src.doctor.findings import Finding, wrong
from src.doctor.network import Reply
from src.doctor.supabase_address import KEY, URL

APPLY_SCHEMA = "Apply src/dao/schema.sql, as docs/deployment.md says."
RELOAD_SCHEMA = "Run this in Supabase's SQL editor: notify pgrst, 'reload schema';"

_DASHBOARD = "See the project's page in Supabase's dashboard"


@dataclass(frozen=True)
class _Meaning:
    """What an answer means that has one of the statuses (any, if empty), and the signs in it."""

    statuses: frozenset[int]
    signs: str
    subject: str
    what: str
    mend: str

    def fits(self, reply: Reply) -> bool:
        has_status = not self.statuses or reply.status in self.statuses
        return has_status and bool(re.search(self.signs, reply.text, re.IGNORECASE))


def _meaning(*statuses: int, signs: str = "", subject: str, what: str, mend: str) -> _Meaning:
    return _Meaning(frozenset(statuses), signs, subject, what, mend)


_MEANINGS = (
    _meaning(
        *range(300, 400),
        subject=URL,
        what="it leads elsewhere, and redirects are not followed",
        mend="Write the address to which it leads, usually with https://.",
    ),
    _meaning(
        *(401, 403),
        signs="legacy.{0,20}keys? (?:are|is|were) disabled",
        subject=KEY,
        what="the project's legacy keys are disabled",
        mend="Use a secret key (sb_secret_…) from Project settings, API keys.",
    ),
    _meaning(
        *(401, 403),
        signs="invalid api key|no api key|unregistered api key",
        subject=KEY,
        what="the project does not know this key",
        mend="Copy it again, from the project that SUPABASE_URL names.",
    ),
    _meaning(
        *(401, 403),
        signs="PGRST303|jwt expired",
        subject=KEY,
        what="it has expired, or this machine's clock is wrong",
        mend="Copy it again from Project settings, API keys.",
    ),
    _meaning(
        *(400, 401, 403),
        signs="PGRST30\\d|JWSError|JWTInvalid",
        subject=KEY,
        what="the project has not signed this key",
        mend="Copy it again, from the project that SUPABASE_URL names.",
    ),
    _meaning(
        signs='"22023"',
        subject=KEY,
        what="it is for a role that the database does not have",
        mend="Use the key of service_role.",
    ),
    _meaning(
        *(401, 403),
        signs="42501",
        subject="schema.sql",
        what="service_role may not execute a function of it, or the key is of another role",
        mend=f"{APPLY_SCHEMA} If that does not help, copy {KEY} again.",
    ),
    _meaning(
        *(401, 403),
        subject=URL,
        what="something before the project refuses requests",
        mend="Let this machine through, or write the project's own address.",
    ),
    _meaning(
        402,
        subject="Supabase project",
        what="it is restricted: a quota is used up, or a bill is open (402)",
        mend=f"{_DASHBOARD}, and its organisation's billing.",
    ),
    _meaning(
        406,
        signs="PGRST106",
        subject="Supabase project",
        what="its API does not expose the schema `public`",
        mend="Add it to the exposed schemas in Project settings, Data API.",
    ),
    _meaning(
        404,
        signs="PGRST20\\d|42883|42P01",
        subject="schema.sql",
        what="the database has no such function: the schema is absent, older than this release, or"
        " PostgREST has not seen it yet",
        mend=f"{APPLY_SCHEMA} If it is applied: {RELOAD_SCHEMA}",
    ),
    _meaning(
        404,
        subject=URL,
        what="there is no PostgREST at it, under /rest/v1",
        mend="Write the project's address, such as https://YOUR-PROJECT.supabase.co.",
    ),
    _meaning(
        429,
        subject="Supabase project",
        what="it refuses requests because there are too many (429)",
        mend="Wait, run the doctor again, and see what sends so many.",
    ),
    _meaning(
        540,
        subject="Supabase project",
        what="it is paused (540)",
        mend="Restore it in Supabase's dashboard; a paid plan is not paused.",
    ),
    _meaning(
        *(504, 522, 524, 544),
        subject="Supabase project",
        what="its gateway gets no answer from the database in time",
        mend=f"{_DASHBOARD}: it may be overloaded, or just starting.",
    ),
    _meaning(
        *(521, 523, 525, 526, 530),
        subject="Supabase project",
        what="the network before it does not reach it",
        mend=f"{_DASHBOARD}: it may be starting, stopped or deleted.",
    ),
    _meaning(
        signs="PGRST00[0-3]",
        subject="Supabase project",
        what="PostgREST does not reach its database",
        mend=f"{_DASHBOARD}: the database may be starting, full or out of connections.",
    ),
    _meaning(
        signs='"57014"',
        subject="Supabase project",
        what="the database needs longer than its statement timeout for the smallest request",
        mend=f"{_DASHBOARD}: it may be overloaded.",
    ),
    _meaning(
        *range(500, 600),
        subject="Supabase project",
        what="it fails",
        mend=f"{_DASHBOARD}, and status.supabase.com.",
    ),
)
"""The first that fits counts. Statuses of the platform:
https://supabase.com/docs/guides/platform/http-status-codes"""


def explain_refusal(reply: Reply, is_expected: Callable[[object], bool]) -> Finding | None:
    """Return what keeps an answer from being one of the expected type; None if it is one."""
    if reply.status == 200:  # noqa: PLR2004  HTTP's
        if is_expected(reply.json()):
            return None
        kind = "a page" if reply.is_page else "something else"
        return wrong(
            URL,
            f"{kind} answers there instead of PostgREST",
            "Write the project's own address, and see whether a proxy or login page is in between.",
        )
    for meaning in _MEANINGS:
        if meaning.fits(reply):
            return wrong(meaning.subject, meaning.what, meaning.mend)
    return wrong(URL, f"the answer there is {reply.status}", "Write the project's own address.")
