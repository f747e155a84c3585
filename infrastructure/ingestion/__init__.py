"""Deliveries taken in, kept and translated."""
