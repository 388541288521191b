"""The reliability table, of the guide's page on it: ``python -m tests.reliability``."""
