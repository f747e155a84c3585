-- Until the transaction ends.
set local role temple_seal
