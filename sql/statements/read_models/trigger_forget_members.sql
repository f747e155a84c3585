-- Not truncated: that would wait for whoever reads here, such as a dump.
delete from trigger_member
