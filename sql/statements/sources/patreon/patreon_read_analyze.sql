-- It was filled a moment ago, in this transaction, and is compared next.
analyze patreon_read
