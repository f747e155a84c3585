"""Deliveries over HTTP: verified, stored, committed, and only then answered with 200."""
