"""What runs beside the ledger in production: `temple monitoring export` writes it out."""
