"""The kit that tests projections against a real database; for authors too."""
