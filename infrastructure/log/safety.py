"""Provisional: being written by the log helper, overwrite freely."""

from typing import Any

import psycopg

from domain.errors import UnsafeLog


def require_safe_log(connection: psycopg.Connection[Any]) -> None:
    row = connection.execute("select seqcache from pg_sequence where seqrelid = 'webhook_audit_log_id_seq'::regclass").fetchone()
    if row != (1,):
        raise UnsafeLog("cache")
