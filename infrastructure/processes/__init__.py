"""What runs in the foreground: runner, receiver, schedules; and which sources there are."""
