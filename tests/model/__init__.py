"""A ledger in any state that a sequence of steps can bring it to, and what holds after each step."""
