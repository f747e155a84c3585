-- How many of these rows were not there before; of a row that comes again, the later one counts.
with put as (
    insert into patreon_read
    select * from jsonb_populate_recordset(null::patreon_read, %(rows)s::jsonb)
    on conflict (member_id) do update
    set patreon_id = excluded.patreon_id,
        campaign_id = excluded.campaign_id,
        status = excluded.status,
        tiers = excluded.tiers,
        entitled_cents = excluded.entitled_cents,
        will_pay_cents = excluded.will_pay_cents,
        lifetime_cents = excluded.lifetime_cents,
        charge_status = excluded.charge_status,
        charged_at = excluded.charged_at,
        next_charge_at = excluded.next_charge_at,
        pledged_at = excluded.pledged_at,
        standing = excluded.standing,
        tier_id = excluded.tier_id,
        discord_said = excluded.discord_said,
        discord_id = excluded.discord_id,
        asked_at = excluded.asked_at,
        described = excluded.described
    returning xmax = 0 as added
)
select count(*) filter (where added) from put
