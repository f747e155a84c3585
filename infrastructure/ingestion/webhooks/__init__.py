"""Taking deliveries in over HTTP: verified, kept, committed, and only then answered with 200."""
