-- All that this transaction reads is of one moment.
set transaction isolation level repeatable read
