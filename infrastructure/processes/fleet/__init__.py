"""Many ledgers, looked after together: each in a database of its own, and none in the way of another."""
