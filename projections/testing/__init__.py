"""The test kit of projections without a database: histories in few words, and given, when, then."""
