"""What Prometheus is told: of the runner's own work as it goes, and of the ledger by a few cheap questions a scrape."""
