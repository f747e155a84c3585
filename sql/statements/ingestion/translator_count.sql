update translator
set deliveries = deliveries + %(deliveries)s,
    events = events + %(events)s,
    conflicts = conflicts + %(conflicts)s,
    failures = failures + %(failures)s,
    stepped_at = clock_timestamp()
where source = %(source)s
