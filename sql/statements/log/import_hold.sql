-- Before a chunk is stored, until it is: whoever retracts the import waits for the chunk. No row: it was retracted.
select id from log_import where id = %(import)s and not closed for share
