-- From where on the effects of a parked member are due, where the version that raised them before has given its names away.
-- Cost on a large table: none, no row is rewritten (and the table holds parked members only).
alter table projection_failure add column raises_after jsonb;
comment on column projection_failure.raises_after is
    'by effect: events of the member after this position are due, though the version''s effects start later; null: nothing waited at a switch';
