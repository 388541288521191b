"""How nets learn: one loop for every learner, its steps, feeds and checkpoints.

``docs/contributing/architecture.rst`` says what belongs to what.
"""
