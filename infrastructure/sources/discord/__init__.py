"""Discord: frames of the gateway, the audit log and snapshots, and the events that they come to."""
