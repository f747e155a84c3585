#!/bin/sh
# set-password.sh LOGIN FOLDER [NAME]: gives a login of the ledger a new password, and writes its DSN for whoever loads FOLDER.
#
#   set-password.sh temple_run_service run     writes /etc/temple-ledger/secrets/run/database_url
#   set-password.sh temple_console web web_database_url      writes …/secrets/web/web_database_url
#
# As root, on the machine of the PostgreSQL server. PGPORT, where the port is not 5432. Restart the service afterwards;
# connections that are open stay open.
set -eu
[ $# -eq 2 ] || [ $# -eq 3 ] || { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
login=$1 folder=/etc/temple-ledger/secrets/$2 name=${3:-database_url}
umask 077

# letters, digits, - and _: nothing that SQL or a DSN would read otherwise
password=$(python3 -c 'import secrets; print(secrets.token_urlsafe(24))')

# on stdin, where no list of processes shows it, and past the server's log
runuser -u postgres -- psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=login="$login" <<SQL
set log_statement to 'none';
set log_min_duration_statement to -1;
set log_min_error_statement to 'panic';
alter role :"login" password '$password';
SQL

install -d -m 0755 /etc/temple-ledger
install -d -m 0700 /etc/temple-ledger/secrets "$folder"
printf 'postgresql://%s:%s@127.0.0.1:%s/temple\n' "$login" "$password" "${PGPORT:-5432}" >"$folder/$name.new"
mv "$folder/$name.new" "$folder/$name"
