"""The dashboards, as code: `python -m temple_ledger.deploy.grafana` writes dashboards/*.json."""
