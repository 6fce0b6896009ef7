"""How many examples the properties of progress are tried on."""

from hypothesis import settings

settings.register_profile("quick", max_examples=100, deadline=None)
# `make test-progress`: pytest --hypothesis-profile=thorough
settings.register_profile("thorough", max_examples=20_000, deadline=None)
settings.load_profile("quick")
