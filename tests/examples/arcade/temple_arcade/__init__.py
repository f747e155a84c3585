"""A bot for games: a package of its own, which knows `temple_ledger` and nothing behind it."""
