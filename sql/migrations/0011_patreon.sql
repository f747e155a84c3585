-- What the translator of Patreon's deliveries knows. Cost on a large table: they are empty here.
-- No names of people, e-mails or addresses: those stay in the inbox, and go with it.
create table patreon_member (
    member_id varchar(60) collate "C" primary key,
    patreon_id varchar(60) collate "C" not null,
    campaign_id varchar(60) collate "C",
    status varchar(40),
    tiers jsonb not null default '[]',
    entitled_cents bigint,
    will_pay_cents bigint,
    lifetime_cents bigint,
    charge_status varchar(40),
    charged_at timestamptz,
    next_charge_at timestamptz,
    pledged_at timestamptz,
    deleted boolean not null default false,
    standing varchar(10) not null check (standing in ('none', 'paying', 'declined')),
    tier_id varchar(60) collate "C",
    changed_at timestamptz not null,
    doubt varchar(10) check (doubt in ('loss', 'order')),
    doubted_at timestamptz,
    look_again_at timestamptz,
    doubted_delivery bigint,
    check ((doubt is null) = (doubted_at is null)),
    check ((doubt is null) = (look_again_at is null))
) with (fillfactor = 80);
create index on patreon_member (patreon_id);
create index on patreon_member (look_again_at) where look_again_at is not null;

comment on table patreon_member is 'the last observed state of each membership: one person, one campaign';
comment on column patreon_member.tiers is 'all tiers entitled to, the free one included';
comment on column patreon_member.standing is 'what follows from the rest, and tier_id too: the best paid tier';
comment on column patreon_member.changed_at is 'when we heard what stands here: what was read before that is outrun';
comment on column patreon_member.doubt is
    'loss: a body takes the tier from a patron who is active all the same; order: a body may be older than what stands here';
comment on column patreon_member.doubted_delivery is 'the delivery that said what is doubted';

create table patreon_link (
    patreon_id varchar(60) collate "C" primary key,
    discord_id varchar(20) collate "C",
    said_at timestamptz not null
) with (fillfactor = 80);
create index on patreon_link (discord_id) where discord_id is not null;
comment on table patreon_link is 'which Discord account a Patreon account says is its own; several may name one';

create table patreon_person (
    user_id varchar(100) collate "C" primary key,
    standing varchar(10) not null check (standing in ('none', 'paying', 'declined')),
    tier_id varchar(60) collate "C",
    tier varchar(50),
    transition_id uuid not null,
    told_at timestamptz not null
) with (fillfactor = 80);
comment on table patreon_person is
    'what the log was last told of a member: the best tier of all memberships; transition_id is the event_id that told it';

create table patreon_tier (
    tier_id varchar(60) collate "C" primary key,
    title text,
    amount_cents bigint,
    roles text[] not null default '{}',
    seen_at timestamptz not null
);
comment on column patreon_tier.roles is 'the Discord roles that Patreon''s own bot hands out for it';

create table patreon_webhook (
    webhook_id varchar(60) collate "C" primary key,
    uri text,
    paused boolean not null,
    failures integer not null,
    last_attempted_at timestamptz,
    triggers text[] not null default '{}',
    read_at timestamptz not null
);
comment on table patreon_webhook is 'what Patreon said of its webhooks when we last asked: paused ones, and failing ones, deliver nothing';

-- The one table with secrets: for whoever acts on Patreon for us, and for nobody who only reads.
create table patreon_token (
    name varchar(50) collate "C" primary key,
    access_token text not null,
    refresh_token text not null,
    given bytea not null,
    refreshed_at timestamptz not null,
    refresh_at timestamptz not null,
    expires_at timestamptz not null,
    refused_at timestamptz
);
comment on table patreon_token is 'the pair in use; Patreon makes the old one void when it gives a new one, so it is kept before it is used';
comment on column patreon_token.given is 'a digest of the refresh token from the settings that the chain began with: another one there begins a new chain';

create view patreon_token_state as
select name, refreshed_at, refresh_at, expires_at, refused_at
from patreon_token;
comment on view patreon_token_state is 'how the token is, without the token; refused_at: Patreon took no refresh, a person has to give a new pair';

grant select on patreon_token_state to temple_append, temple_read, temple_project;
grant select, insert, update, delete
    on patreon_member, patreon_link, patreon_person, patreon_tier, patreon_webhook
    to temple_append;
grant select, insert, update on patreon_token to temple_append;
grant select on patreon_member, patreon_link, patreon_person, patreon_tier, patreon_webhook to temple_read, temple_project;
