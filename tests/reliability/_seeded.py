"""A plugin of pytest that leaves only the tests in which a seed changes something.

``pytest -p reliability._seeded``, with ``tests`` on the path.
"""

import hypothesis


def pytest_collection_modifyitems(config, items):
    """Keep what has the fixture ``global_random_seed``, and what Hypothesis draws."""
    kept, others = [], []
    for item in items:
        draws = hypothesis.is_hypothesis_test(getattr(item, "obj", None))
        is_seeded = draws or "global_random_seed" in item.fixturenames
        (kept if is_seeded else others).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=others)
