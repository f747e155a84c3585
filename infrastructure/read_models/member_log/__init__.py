"""The log read member by member."""
