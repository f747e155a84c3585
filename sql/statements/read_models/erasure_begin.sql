insert into erasure (words, pseudonyms, notes, secret)
values (
    %(words)s,
    %(pseudonyms)s,
    %(notes)s,
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
)
returning id
