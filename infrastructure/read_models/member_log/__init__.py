"""The log read and folded member by member."""
