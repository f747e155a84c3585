"""What we conclude from what happened, and how a fold is run."""
