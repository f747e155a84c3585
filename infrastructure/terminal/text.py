"""Numbers and names in sentences: what commands print them with."""

from temple_ledger.domain.words import listed as listed
from temple_ledger.domain.words import plural as plural
