"""The log: appending, importing, reading without loss."""
