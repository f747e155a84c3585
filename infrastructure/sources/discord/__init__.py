"""Discord: frames of the gateway, the audit log and snapshots, and the events they lead to."""
