"""Questions asked of the ledger: what is stored, what was true then, and which events led to it."""
