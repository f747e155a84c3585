"""How projections are run, rebuilt, verified and operated."""
