import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tfmat.ccdcgan.voxels.matched import _count


@given(st.lists(st.floats(0.0, 1.5), max_size=30), st.floats(1e-4, 1.0))
def test_any_heights_of_generated_voxels_are_counted(heights, noise):
    # Generators also make voxels whose peaks are hardly higher than the floor.
    descending = np.sort(np.array(heights))[::-1]
    assert 0 <= _count(descending, noise) <= len(heights)
