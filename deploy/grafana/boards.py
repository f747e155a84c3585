"""All dashboards."""

from dataclasses import replace

from temple_ledger.deploy.grafana.audit import AUDIT
from temple_ledger.deploy.grafana.health import HEALTH
from temple_ledger.deploy.grafana.performance import PERFORMANCE

_ALL = (HEALTH, AUDIT, PERFORMANCE)

BOARDS = tuple(
    replace(board, others=tuple((other.title, other.uid) for other in _ALL if other is not board)) for board in _ALL
)
