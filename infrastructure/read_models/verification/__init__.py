"""Proof that the stored rows equal the log: verify, repair what drifted, and the ritual that does both."""
