"""Retraction: what every projection leaves out."""
