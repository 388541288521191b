"""Errors that need a name."""


class DivergenceError(ValueError):
    """Training whose error grew out of bounds or is no number any more."""
