"""Metrics, logs and the checks of an installation."""
