#!/bin/sh
# Compare the log with the tables of "members" through the SQL canon, with psql and curl alone; for cron:
#
#   */15 * * * *  PGHOST=db PGDATABASE=temple PUSHGATEWAY=http://pushgateway:9091 ledger-consistency-check.sh
#
# PGHOST, PGUSER, …   where the database is: libpq's own variables; the login has to be a member of
#                     temple_read and temple_project, as whoever migrated the database is
# PUSHGATEWAY         its URL; without it nothing is pushed
# LOG                 where the differences are written (default /var/log/temple/consistency-issues.log)
# REPAIR_BELOW        repair when there are fewer issues than this (default 10; 0 never)
#
# Exit codes: 0 all agrees, or was repaired; 2 a variable makes no sense; 3 issues are left;
# 4 the database did not answer or refused, or the Pushgateway did not take the result.
set -u

LOG=${LOG:-/var/log/temple/consistency-issues.log}
REPAIR_BELOW=${REPAIR_BELOW:-10}
PUSHGATEWAY=${PUSHGATEWAY:-}
GIVEN_OPTIONS=${PGOPTIONS:-}
export PGCONNECT_TIMEOUT="${PGCONNECT_TIMEOUT:-10}"

case $REPAIR_BELOW in
    '' | *[!0-9]*)
        echo "REPAIR_BELOW is no number: $REPAIR_BELOW" >&2
        exit 2
        ;;
esac

# as ROLE ARGUMENT…: psql with the rights of that role and no more
as() {
    role=$1
    shift
    PGOPTIONS="$GIVEN_OPTIONS -c role=$role" psql --no-psqlrc --no-password --quiet --set=ON_ERROR_STOP=1 "$@"
}

# one statement, so one snapshot for both functions
count_issues() {
    as temple_read --no-align --tuples-only --command='
        select (select count(*) from validate_ledger_consistency())
             + (select count(*) from validate_member_status_consistency())'
}

write_details() {
    as temple_read --command='select now() as checked_at, * from validate_ledger_consistency()' \
        --command='select now() as checked_at, * from validate_member_status_consistency()' >>"$LOG"
}

# the Pushgateway wants a line feed at the end of the body, which curl's --data would take away
push() {
    [ -n "$PUSHGATEWAY" ] || return 0
    printf '# TYPE ledger_consistency_check_failures gauge\nledger_consistency_check_failures %s\n' "$1" |
        curl --silent --show-error --fail --max-time 10 --output /dev/null --data-binary @- \
            "${PUSHGATEWAY%/}/metrics/job/ledger-consistency"
}

# what it counted, or nothing where psql failed or said something else
counted() {
    answer=$(count_issues) || return 1
    case $answer in
        '' | *[!0-9]*)
            echo "the database gave no number of issues" >&2
            return 1
            ;;
    esac
    echo "$answer"
}

issues=$(counted) || exit 4

left=$issues
if [ "$issues" -gt 0 ]; then
    echo "found $issues consistency issues"
    # in a subshell: a file that cannot be opened would end this one
    (write_details) || echo "the details were not written to $LOG" >&2
    if [ "$issues" -lt "$REPAIR_BELOW" ]; then
        if as temple_project --command='call rebuild_derived_state_from_audit()'; then
            if again=$(counted); then
                left=$again
                echo "rebuilt from the log: $left left"
            else
                # what was found before is what is known
                push "$left"
                exit 4
            fi
        else
            echo "the repair failed" >&2
        fi
    else
        echo "automatic repair is limited to fewer than $REPAIR_BELOW; run: temple repair"
    fi
else
    echo "the tables agree with the log"
fi

push_status=0
push "$left" || push_status=1
if [ "$left" -gt 0 ]; then
    exit 3
fi
if [ "$push_status" -ne 0 ]; then
    echo "the Pushgateway did not take the result: $PUSHGATEWAY" >&2
    exit 4
fi
