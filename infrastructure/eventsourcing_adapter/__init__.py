"""Our log as the `eventsourcing` library sees it.

What of the library's contracts holds here:

- ApplicationRecorder is `LogRecorder`: appends all or none, selects, pages, subscribes, and loses nothing
  under concurrent appends.
- TrackingRecorder is `CheckpointTrackingRecorder`: a view's rows and its tracking in one transaction.
- InfrastructureFactory is `LedgerFactory`, for both of them.
- Application is `TempleLedger`: save, events, repository with a projector_func, notification log.
- ApplicationSubscription, ProjectionRunner and EventSourcedProjectionRunner run unchanged, and what follows
  may keep its rows here or in a store of its own.
- Projection is what `under_the_library` makes of one of ours: one event in a transaction, the same rows.

What does not, and why:

- Appending at an expected version: the version is the position, which the log gives, and facts from outside
  are not decisions that somebody else's fact could void.
- An IntegrityError for the same event again: it adds nothing and gives the position it has, as everywhere in
  the log. One id with two contents is an IntegrityError.
- Aggregates with events of their own, snapshots, ProcessRecorder: the log takes the events of the catalogue,
  and what is concluded from them is in the tables of projections.
- Ciphers and compressors: other readers, SQL among them, read the log too.
- Order: notifications come by position, so a late event comes when it was recorded, not where it belongs.
  A library projection that needs the order of time has to see to it; those run by `under_the_library` do.
"""
