"""What people have done to a ledger from elsewhere than a terminal: by name, with who and why."""
