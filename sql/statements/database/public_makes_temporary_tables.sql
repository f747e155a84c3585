-- Whether everybody may make temporary tables in this database, and it is on a server that is not an embedded one of ours.
select
    not starts_with(current_setting('cluster_name'), 'temple-ledger-')
    and exists (
        select
        from pg_database
        cross join lateral aclexplode(coalesce(datacl, acldefault('d', datdba))) as acl
        where datname = current_database()
          and acl.grantee = 0
          and acl.privilege_type = 'TEMPORARY'
    )
