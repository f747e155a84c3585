-- One session claims or aborts a rebuild at a time.
lock table projection_rebuild in share row exclusive mode
