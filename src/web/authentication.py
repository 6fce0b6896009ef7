"""Learns who sends a request, before anything else of it is looked at."""

from collections.abc import Callable
from uuid import UUID

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from src.domain.errors import MomentumError, UnauthenticatedError
from src.web.public_paths import is_public
from src.web.tokens import TokenVerifier


class AuthenticationMiddleware:
    """Puts the user whose access token a request carries into its state, as `caller`.

    It is None for a request without a token, which is refused if `token_required`. A bad token is
    always refused: nobody becomes anonymous by it. What is public is served to anyone.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        verifier: TokenVerifier,
        token_required: bool,
        problem_response: Callable[[MomentumError], Response],
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._token_required = token_required
        self._problem_response = problem_response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http" and not is_public(scope["path"]):
            try:
                caller = await self._authenticate(scope)
            except MomentumError as error:
                await self._problem_response(error)(scope, receive, send)
                return
            scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)

    async def _authenticate(self, scope: Scope) -> UUID | None:
        given = Headers(scope=scope).getlist("authorization")
        if not given:
            if self._token_required:
                raise UnauthenticatedError("no token", token_given=False)
            return None
        scheme, _, token = given[0].partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer":
            raise UnauthenticatedError("not one bearer token")
        return await self._verifier.verify(token.strip(" "))
