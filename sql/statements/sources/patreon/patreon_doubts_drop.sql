update patreon_member
set doubt = null, doubted_at = null, look_again_at = null, doubted_delivery = null
where member_id = any(%(member_ids)s)
