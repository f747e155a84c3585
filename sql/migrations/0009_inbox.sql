-- Deliveries, raw, before anybody read a meaning into them. Cost on a large table: they are empty here.
create table inbox (
    id bigint generated always as identity primary key,
    source varchar(50) collate "C" not null check (source <> ''),
    kind varchar(100) collate "C" not null,
    origin varchar(200) collate "C",
    received_at timestamptz not null,
    digest bytea not null,
    body bytea not null,
    size integer not null generated always as (octet_length(body)) stored,
    details jsonb not null default '{}',
    state varchar(20) not null default 'waiting'
        check (state in ('waiting', 'translated', 'set_aside', 'unparseable', 'failed')),
    note text,
    repeats integer not null default 0,
    last_received_at timestamptz not null,
    translated_at timestamptz,
    unique (source, digest)
);
create index inbox_waiting on inbox (source, id) where state = 'waiting';
create index inbox_in_trouble on inbox (source, state, id) where state in ('failed', 'unparseable');
create index inbox_received on inbox (received_at);

comment on table inbox is 'What senders told us, verified and byte by byte; the same delivery twice is one row. Bodies hold names and e-mails.';
comment on column inbox.kind is 'the trigger, or the name of the dispatch; of a webhook it is not covered by the signature';
comment on column inbox.origin is 'through which door it came: the path of a campaign, the session of a gateway';
comment on column inbox.state is
    'set_aside: kept, and nothing derived; failed: its translation raised an error, see note; waiting and failed ones are never pruned';
comment on column inbox.repeats is 'how often it came again';

-- What retention may not take away, nobody's mistake may either.
create function refuse_to_forget_untranslated() returns trigger language plpgsql as $$
begin
    raise exception 'delivery % is % and was not translated: it is kept', old.id, old.state
        using errcode = 'restrict_violation';
end
$$;

create trigger inbox_keeps_untranslated
    before delete on inbox
    for each row
    when (old.state in ('waiting', 'failed'))
    execute function refuse_to_forget_untranslated();
alter table inbox enable always trigger inbox_keeps_untranslated;

create table inbox_source (
    source varchar(50) collate "C" primary key,
    received bigint not null default 0,
    repeats bigint not null default 0,
    first_received_at timestamptz,
    last_received_at timestamptz
) with (fillfactor = 10);
comment on table inbox_source is
    'counted while keeping; its row is held by whoever keeps deliveries of a source, so that their ids are in the order of commits';

create table translator (
    source varchar(50) collate "C" primary key,
    deliveries bigint not null default 0,
    events bigint not null default 0,
    conflicts bigint not null default 0,
    failures bigint not null default 0,
    stepped_at timestamptz
) with (fillfactor = 10);
comment on table translator is
    'counted while translating; its row is held for the length of a batch, so that a source is never translated twice at once';
comment on column translator.deliveries is 'how many were marked, retried ones again';
comment on column translator.conflicts is 'event_ids that the log held already with another content';

grant select, delete on inbox to temple_append;
grant insert (source, kind, origin, received_at, digest, body, details, repeats, last_received_at)
    on inbox to temple_append;
grant update (state, note, repeats, last_received_at, translated_at) on inbox to temple_append;
grant select, insert, update on inbox_source, translator to temple_append;
-- all but the body: who reads the ledger does not read people's e-mail addresses
grant select (
    id, source, kind, origin, received_at, digest, size, details, state, note, repeats, last_received_at, translated_at
) on inbox to temple_read, temple_project;
grant select on inbox_source, translator to temple_read, temple_project;
