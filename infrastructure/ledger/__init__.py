"""The ledger as programs use it: append, wait, ask for rows."""
