-- The logins of the services, after temple db migrate. As a superuser: docs/database-roles.md.
create role temple_run_service login;
grant temple_project, temple_read to temple_run_service;

create role temple_receive_service login;
grant temple_append, temple_translate, temple_tokens, temple_read to temple_receive_service;

create role temple_discord_service login;
grant temple_append, temple_translate, temple_read to temple_discord_service;

create role temple_seal_service login;
grant temple_seal, temple_read to temple_seal_service;

create role temple_operator login;
grant temple_append, temple_translate, temple_tokens, temple_project, temple_seal, temple_read to temple_operator;

create role temple_console login;
grant temple_read to temple_console;

create role temple_console_sign_in login;
grant temple_web to temple_console_sign_in;

-- only for temple web --allow-actions
create role temple_console_actions login;
grant temple_operate, temple_project, temple_read to temple_console_actions;

create role temple_effects_service login;
grant temple_deliver, temple_read to temple_effects_service;
