-- By what Patreon's bodies are ordered, tiers that were deleted, and how many deliveries were stale.
-- Cost on a large table: no row is rewritten (the one default is a constant); the new check reads patreon_member once,
-- some 0.2 s a million memberships, while its translator waits.
alter table patreon_member
    add column newest_charge_at timestamptz,
    add column newest_pledge_at timestamptz,
    add column tier_deleted boolean not null default false,
    drop constraint patreon_member_doubt_check,
    add constraint patreon_member_doubt_check check (doubt in ('loss', 'order', 'tier'));

comment on column patreon_member.newest_charge_at is
    'the newest charge that any body showed; charged_at may go back when a charge is voided. null: charged_at';
comment on column patreon_member.newest_pledge_at is 'the newest start of a pledge that any body showed. null: pledged_at';
comment on column patreon_member.tier_deleted is
    'the patron pays as before and Patreon lists no tier: tiers are the last ones that it listed';
comment on column patreon_member.doubt is
    'loss: a body takes the tier from an active patron; order: a body may be older than this row; tier: a body names a tier that nobody described';

create table patreon_delivery_count (
    outcome varchar(20) collate "C" primary key,
    deliveries bigint not null,
    last_received_at timestamptz not null
) with (fillfactor = 50);
comment on table patreon_delivery_count is
    'deliveries by what became of them, since the beginning (the inbox is pruned); stale: set aside, because they look older than patreon_member';

grant select, insert, update, delete on patreon_delivery_count to temple_append;
grant select on patreon_delivery_count to temple_read, temple_project;
