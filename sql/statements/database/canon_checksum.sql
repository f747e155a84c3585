select checksum from ledger_canon
