select exists (select from web_link where digest = %(digest)s and expires_at > clock_timestamp())
