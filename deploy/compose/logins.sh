#!/bin/sh
# Makes the logins of the services, and gives those of compose.yml the passwords of its secrets; again after each start.
set -eu
PGPASSWORD=$(cat /run/secrets/postgres_password)
export PGPASSWORD
there=$(psql --no-psqlrc -qtAc "select count(*) from pg_roles where rolname = 'temple_run_service'")
[ "$there" = 1 ] || psql --no-psqlrc -q --set=ON_ERROR_STOP=1 --single-transaction --file=/logins.sql
for login in temple_run_service:run temple_seal_service:seal temple_receive_service:receive \
    temple_discord_service:discord temple_console:console temple_console_sign_in:console_sign_in; do
    # on stdin, where no list of processes shows it, and past the server's log
    psql --no-psqlrc -q --set=ON_ERROR_STOP=1 <<SQL
set log_statement to 'none';
set log_min_duration_statement to -1;
set log_min_error_statement to 'panic';
\\set password \`cat /run/secrets/${login#*:}_password\`
alter role ${login%%:*} password :'password';
SQL
done
