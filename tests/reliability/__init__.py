"""The reliability table: ``python -m tests.reliability``; see docs/guide/reliability.rst."""
