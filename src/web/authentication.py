"""Authenticates each request before anything else reads it."""

from uuid import UUID

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from src.domain.errors import MomentumError, UnauthenticatedError
from src.web.problems import problem_response
from src.web.public_paths import needs_no_token
from src.web.tokens import TokenVerifier


class AuthenticationMiddleware:
    """Verifies a request's access token and stores its user in the request's state as `caller`.

    `caller` is None if there is no token; if `token_required`, such a request gets a 401. An
    invalid token always does, rather than make its sender anonymous. Paths that need no token are
    not checked.
    """

    def __init__(self, app: ASGIApp, *, verifier: TokenVerifier, token_required: bool) -> None:
        self._app = app
        self._verifier = verifier
        self._token_required = token_required

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http" and not needs_no_token(scope["path"]):
            try:
                caller = await self._authenticate(scope)
            except MomentumError as error:
                await problem_response(error)(scope, receive, send)
                return
            scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)

    async def _authenticate(self, scope: Scope) -> UUID | None:
        credentials = Headers(scope=scope).getlist("authorization")
        if not credentials:
            if self._token_required:
                raise UnauthenticatedError("no token", token_given=False)
            return None
        scheme, _, token = credentials[0].partition(" ")
        if len(credentials) > 1 or scheme.lower() != "bearer":
            raise UnauthenticatedError("not one bearer token")
        return await self._verifier.verify(token.strip(" "))
