"""What leaves the ledger: the outbox of effects, and who delivers it."""
