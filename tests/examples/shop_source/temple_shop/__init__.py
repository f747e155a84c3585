"""A shop that sells roles, as a source of Temple Ledger."""
