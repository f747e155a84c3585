"""What works through all members by buckets: processes of this machine, or a cluster."""
