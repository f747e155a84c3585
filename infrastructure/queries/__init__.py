"""Questions asked of the ledger: what is stored, what was so then, and which events made it so."""
