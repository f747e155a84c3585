"""The console: pages about the ledger for people with a browser. It only reads."""
