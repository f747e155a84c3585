"""The package in moderation/ is an author's: its tests run where it is installed, in test_moderation_package.py."""

collect_ignore = ["moderation"]
