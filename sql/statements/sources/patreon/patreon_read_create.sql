-- What the pages say, and who of it is to be compared: of this session alone.
create temporary table patreon_read (
    like patreon_member,
    discord_said boolean not null,
    discord_id varchar(20),
    asked_at timestamptz not null,
    described jsonb not null,
    primary key (member_id)
);
create temporary table patreon_candidate (
    number bigint generated always as identity primary key,
    member_id varchar(60),
    user_id varchar(100)
);
