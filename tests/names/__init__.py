"""Tests of the names of people."""
