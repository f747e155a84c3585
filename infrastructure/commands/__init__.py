"""The verbs of `temple`, a file for each group."""
