"""The loop that folds new events: its lease, the transaction of a step, the batch journal."""
