-- temple_append appends and stores deliveries, and no more: what it could do of temple_translate's work, from before that
-- role was there, it can no longer do. Cost on a large table: none.
set local role temple_owner;

revoke insert, update, delete on
    snapshot, snapshot_finding, ledger_guild, discord_member, discord_role, discord_attribution, discord_change,
    discord_feed, patreon_member, patreon_link, patreon_person, patreon_tier, patreon_webhook, patreon_delivery_count
    from temple_append;
grant select, insert, update, delete on
    snapshot, snapshot_finding, ledger_guild, discord_member, discord_role, discord_attribution, discord_change,
    discord_feed, patreon_member, patreon_link, patreon_person, patreon_tier, patreon_webhook, patreon_delivery_count
    to temple_translate;

-- a frame is stored with its session
revoke delete on discord_session from temple_append;
grant delete on discord_session to temple_translate;

revoke insert, update on translator from temple_append;
grant select, insert, update on translator to temple_translate;

-- a delivery that comes again is counted with the first
revoke update (state, note, translated_at) on inbox from temple_append;
grant update (state, note, translated_at) on inbox to temple_translate;
