"""The pages of the console: each is a function from what was asked to what is shown."""
