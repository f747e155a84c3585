"""What follows from what happened, and how a fold is run."""
