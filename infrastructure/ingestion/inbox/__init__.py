"""Deliveries: stored as they came, once each, and translated into events of the log."""
