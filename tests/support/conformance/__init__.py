"""The service's OpenAPI document, tried out by Schemathesis."""

CALLER = "CONFORMANCE_CALLER"
"""The variable that names the user whose token all requests carry, if they carry one.

It stands here because importing the hooks imports Schemathesis, which takes a second.
"""
