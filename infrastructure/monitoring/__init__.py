"""The files of deploy/, for an installation: written out by `temple monitoring export`."""
