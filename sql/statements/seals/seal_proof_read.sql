select next_number, began_at, found from seal_proof
