"""What Prometheus reads: the runner's own work, and the ledger's figures by a few cheap queries a scrape."""
