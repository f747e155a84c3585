"""Patreon: bodies of webhooks and of its API, and the events they lead to."""
