"""SQL as source code, one statement a file: `migrations/` in order, `statements/` by name, `canon/` for psql."""
