"""The reliability table: ``python -m tests.reliability`` (see the user guide)."""
