"""Metrics, logs and checks."""
