-- Sign-in to the console: one-time links and sessions, of which only digests are stored; and how a session reads the body
-- of a delivery. Cost on a large table: none, the tables are empty here.
create table web_link (
    digest bytea primary key,
    person varchar(100) collate "C" not null,
    rights text[] not null,
    made_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
);
comment on table web_link is 'links that sign somebody in once; the row goes when the link is used';
comment on column web_link.digest is 'SHA-256 of the link''s random part';

create table web_session (
    id bigint generated always as identity primary key,
    digest bytea not null unique,
    person varchar(100) collate "C" not null,
    rights text[] not null,
    how varchar(20) collate "C" not null check (how in ('link', 'discord', 'proxy')),
    signed_in_at timestamptz not null default clock_timestamp(),
    last_seen_at timestamptz not null default clock_timestamp(),
    idle_seconds integer not null,
    expires_at timestamptz not null,
    revoked_at timestamptz
);
comment on table web_session is 'who is signed in to the console; one row for each browser';
comment on column web_session.digest is 'SHA-256 of the cookie''s value';
comment on column web_session.person is 'discord:ID, local:ACCOUNT, or proxy:NAME';
comment on column web_session.rights is 'read, operate, bodies';
comment on column web_session.idle_seconds is 'after so long without a request it is over';

create function web_session_holds(session web_session) returns boolean
language sql stable set search_path = public, pg_temp as $$
    select session.revoked_at is null
       and session.expires_at > clock_timestamp()
       and session.last_seen_at + make_interval(secs => session.idle_seconds) > clock_timestamp()
$$;

-- Bodies hold names and addresses: only a session with the right to them has one, and the console's reader none.
create function web_delivery_body(session_digest bytea, delivery bigint) returns bytea
language sql stable security definer set search_path = public, pg_temp as $$
    select inbox.body
    from inbox
    join web_session as session on session.digest = session_digest
    where inbox.id = delivery
      and web_session_holds(session)
      and 'bodies' = any(session.rights)
$$;
comment on function web_delivery_body is 'the body of a delivery, for a session that holds and has the right "bodies"';
revoke execute on function web_delivery_body(bytea, bigint) from public;
grant execute on function web_delivery_body(bytea, bigint) to temple_web;

grant select, insert, delete on web_link to temple_web;
grant select, insert, delete on web_session to temple_web;
grant update (last_seen_at, revoked_at, rights) on web_session to temple_web;
-- without the digest: who reads the ledger sees who is signed in, and signs in as nobody
grant select (id, person, rights, how, signed_in_at, last_seen_at, idle_seconds, expires_at, revoked_at)
    on web_session to temple_read;
