"""The reliability table: ``python -m tests.reliability``; see README.md."""
