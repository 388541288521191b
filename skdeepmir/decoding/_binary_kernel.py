"""The best paths of many chains of two states at once, in numba.

Chains are columns, so that each step is a loop over neighbours in memory without
branches, which compiles to vector instructions. Of the two log scores of a chain the
higher one is subtracted in each frame: what is left is their difference, which stays
small however long a song is.

Importing this module loads numba; compiling takes some seconds once, then numba's cache
on disk is used.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from skdeepmir.decoding._kernel import _COMPILE

BLOCKED = 4  # the bit that is set where no state can be reached


@njit(**_COMPILE)
def forward_binary(odds, stay_off, turn_on, turn_off, stay_on, lead, origins):
    """Write from where each state is reached, and in ``lead`` how the chains end."""
    # odds, origins: (n_frames, n_chains), origins of uint8: bit 0 is set where the best
    # way to be off comes from on, bit 1 where the best way to be on does.
    # all others: (n_chains,). lead is by how much being on is ahead of being off before
    # the first frame, then in the last one.
    # What a loop over chains sums up besides would keep it from being vectorised.
    n_frames, n_chains = odds.shape
    for t in range(n_frames):
        odds_now, origins_now = odds[t], origins[t]
        for k in range(n_chains):
            on, off = min(lead[k], 0.0), min(-lead[k], 0.0)
            held, entered = on + stay_on[k], off + turn_on[k]
            left, rested = on + turn_off[k], off + stay_off[k]
            on = max(held, entered) + min(odds_now[k], 0.0)
            off = max(left, rested) + min(-odds_now[k], 0.0)
            is_blocked = max(on, off) == -np.inf
            origins_now[k] = (
                (left > rested) + 2 * (held > entered) + BLOCKED * is_blocked
            )
            lead[k] = on - off


@njit(**_COMPILE)
def backward_binary(origins, states):
    """Overwrite the origins with the best paths, which end in ``states``."""
    # origins: (n_frames, n_chains), as forward_binary leaves it; states: (n_chains,)
    n_frames, n_chains = origins.shape
    for t in range(n_frames - 1, -1, -1):
        origins_now = origins[t]
        for k in range(n_chains):
            state = states[k]
            states[k] = (origins_now[k] >> state) & 1
            origins_now[k] = state
