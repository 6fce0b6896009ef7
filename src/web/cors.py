"""Which pages may call the API from a browser."""

from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from src.web.problems import http_problem_response


class ProblemCORSMiddleware(CORSMiddleware):
    """Answers a preflight that it refuses with a problem document."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """Return the answer to a preflight."""
        response = super().preflight_response(request_headers)
        if response.status_code < HTTPStatus.BAD_REQUEST:
            return response
        headers = {
            name: value
            for name, value in response.headers.items()
            if name not in {"content-type", "content-length"}
        }
        return http_problem_response(response.status_code, headers)
