"""Connections, roles, migrations and statements."""
