"""What keeps read models up to date: checkpoints, batches, leases."""
