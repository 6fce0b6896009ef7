"""What the whole service may spend, while many clients ask for more at once."""

import pytest

from tests.support.bounds_trial import PHASES, Phase, try_bounds
from tests.support.data_plane import DataPlane


# `make audit` runs the others, with a thousand requests.
@pytest.mark.parametrize("phase", PHASES[1:3], ids=[phase.name for phase in PHASES[1:3]])
def test_bounds_hold_exactly(data_plane: DataPlane, phase: Phase) -> None:
    """Exact to the call and the dollar, for many users and addresses on two workers."""
    (counts,) = try_bounds(data_plane, (phase,))
    assert not counts.faults, counts
