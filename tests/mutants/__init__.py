"""Changes of one line that would break a promise, each with the test that has to notice."""
