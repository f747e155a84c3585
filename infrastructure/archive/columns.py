"""The rows of an archive: the log's columns, and the bucket of the member; in one order."""

from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from temple_ledger.infrastructure.archive.buckets import bucket_of

SCHEMA: Final = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("event_id", pa.binary(), nullable=False),
        pa.field("timestamp", pa.timestamp("us", tz="UTC")),
        pa.field("event_type", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("action", pa.string(), nullable=False),
        pa.field("target", pa.string()),
        pa.field("metadata", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("recorded_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("bucket", pa.int16(), nullable=False),
        pa.field("timestamp_text", pa.string()),
    ]
)
"""`event_id` has 16 bytes, as plain binary: not every engine reads Parquet's type for it. `timestamp` is null where
it is outside the years 1 to 9999, and then `timestamp_text` has it as PostgreSQL writes it."""

FOLDED: Final = pa.schema(
    [
        field.with_type(pa.dictionary(pa.int32(), pa.string()))
        if field.name in ("event_type", "action", "target", "source")
        else field
        for field in SCHEMA
        if field.name != "event_id"
    ]
)
"""What a fold looks at. Columns of few values have each of them once: their texts need not be made for each event."""

_ORDER: Final = (("member", "ascending"), ("timestamp", "ascending"), ("id", "ascending"))


def in_archive_order(rows: pa.Table, schema: pa.Schema = SCHEMA) -> pa.Table:
    """By (bucket, user_id, timestamp, id), with the bucket; of rows with or without one, in any order.

    Each member is hashed and compared once, however many events there are.
    """
    users = rows.column("user_id").combine_chunks().dictionary_encode()
    names: list[str] = users.dictionary.to_pylist()
    buckets = [bucket_of(name) for name in names]
    order = sorted(range(len(names)), key=lambda place: (buckets[place], names[place].encode()))
    ranks = [0] * len(names)
    for rank, place in enumerate(order):
        ranks[place] = rank
    of_rows = pc.take(pa.array(buckets, pa.int16()), users.indices)
    rows = with_bucket(rows, of_rows, schema)
    keys = pa.table(
        {
            "member": pc.take(pa.array(ranks, pa.int32()), users.indices),
            "timestamp": rows.column("timestamp"),
            "id": rows.column("id"),
        }
    )
    indices = pc.sort_indices(keys, sort_keys=_ORDER)
    return rows.combine_chunks().take(indices)


def with_bucket(rows: pa.Table, buckets: Any, schema: pa.Schema = SCHEMA) -> pa.Table:
    """As the schema has it, whatever the columns were."""
    columns = [buckets if field.name == "bucket" else rows.column(field.name) for field in schema]
    return pa.table([column.cast(field.type) for column, field in zip(columns, schema, strict=True)], schema=schema)


def key_of(rows: pa.Table, place: int) -> tuple[int, bytes, int, int]:
    """What a row is ordered by: one without a time comes last among those of its member."""
    moment = rows.column("timestamp")[place]
    return (
        rows.column("bucket")[place].as_py(),
        rows.column("user_id")[place].as_py().encode(),
        moment.value if moment.is_valid else 1 << 63,
        rows.column("id")[place].as_py(),
    )
