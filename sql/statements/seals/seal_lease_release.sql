update sealer set holder = null, expires_at = null, renewed_at = null where holder = %(holder)s
