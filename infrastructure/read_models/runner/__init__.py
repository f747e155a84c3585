"""What keeps the read models: checkpoints, batches, leases, replay, verification."""
