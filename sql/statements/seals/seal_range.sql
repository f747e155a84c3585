select seal, sealed_position, sealed_events, hash, sealed_at from seal_range(%(settled)s)
