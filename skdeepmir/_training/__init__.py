"""How nets learn: one loop for every learner, its steps, feeds and checkpoints.

``docs/ARCHITECTURE.md`` says what belongs to what.
"""
