"""What is put beside the ledger in production: `temple monitoring export` writes it."""
