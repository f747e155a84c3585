"""Proof that the stored rows equal the log: verify, repair of what drifted, reconciliation."""
