"""`./temple chaos`: a ledger of its own at work, faults against it, and what must hold when they are over."""
