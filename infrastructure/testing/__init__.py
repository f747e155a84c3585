"""The kit that tests projections on a real database; for authors too."""
