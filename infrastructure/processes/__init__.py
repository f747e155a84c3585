"""What runs in the foreground: runner, receiver, schedules."""
