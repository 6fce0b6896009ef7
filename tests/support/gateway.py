"""How a service reaches the data plane's PostgREST without the tests' gateway.

The gateway is a thread of the test, slow by itself, and slower while the test sends requests.
"""

from tests.support.data_plane import DataPlane

WITHOUT_GATEWAY = "benchmarks.without_gateway:app"
"""The application, for Gunicorn's command line."""


def variables_without_gateway(plane: DataPlane) -> dict[str, str]:
    """Return the variables of a data plane for this application."""
    return {**plane.variables, "POSTGREST_URL": plane.rest_url}
