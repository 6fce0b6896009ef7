"""What is between the service and the world: browsers' rules, proxies, and the clock."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from src.doctor.findings import Finding, note, ok, wrong
from src.doctor.network import proxy_variable
from src.settings import Settings
from src.web.tokens import LEEWAY_SECONDS

_LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1"}


def check_cors(settings: Settings, default_origins: tuple[str, ...]) -> Iterator[Finding]:
    """Yield whether browsers may call the API from the frontends' origins."""
    subject = "CORS_ORIGINS"
    origins = settings.cors_origins or default_origins
    public = [origin for origin in origins if urlsplit(origin).hostname not in _LOCAL_HOSTS]
    if settings.in_production and not public:
        yield wrong(
            subject,
            "only pages on localhost may call the API, which is in production",
            "Add the frontend's origin, such as https://app.example.com.",
        )
        return
    for origin in public:
        if urlsplit(origin).scheme == "http" and settings.in_production:
            yield note(subject, f"{origin} is not encrypted", "Serve the frontend by https://.")
    yield ok(
        subject,
        f"pages on {', '.join(origins)} may call the API, if their own CSP lists its address in"
        " connect-src",
    )


def check_proxies(settings: Settings) -> Iterator[Finding]:
    """Yield through which proxies requests go, and from where clients' addresses come."""
    targets = {
        "SUPABASE_URL": settings.supabase_url,
        "OPENAI_BASE_URL": settings.openai_api_key and settings.openai_base_url,
    }
    for name, url in targets.items():
        if url and (variable := proxy_variable(url)):
            yield ok(variable, f"requests to {name} go through its proxy")
    if settings.proxy_header:
        what = f"clients are told apart by {settings.proxy_header}, which a proxy has to set"
        yield ok("TRUSTED_PROXY_HEADER", what)
    elif settings.supabase_url:
        what = "it is not set, so behind a proxy all clients share the limits of one address"
        yield note("TRUSTED_PROXY_HEADER", what, "Set it if a proxy stands before the service.")


def check_clock(offsets: Mapping[str, float]) -> Finding:
    """Return whether this machine's clock agrees with those of the servers (seconds ahead)."""
    subject = "clock"
    if not offsets:
        return note(subject, "no server said what time it is")
    host, offset = max(offsets.items(), key=lambda item: abs(item[1]))
    if abs(offset) <= LEEWAY_SECONDS:
        return ok(subject, f"it agrees with {', '.join(sorted(offsets))}")
    return wrong(
        subject,
        f"this machine is {abs(offset):.0f} s {'behind' if offset > 0 else 'ahead of'} {host}, and"
        f" tokens allow {LEEWAY_SECONDS} s",
        "Set it by NTP (on Linux: timedatectl set-ntp true).",
    )
