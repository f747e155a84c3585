"""Rules of the benchmarks that judge something."""
