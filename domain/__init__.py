"""What happened: the events, how they are written down, and nothing about what follows from them."""
