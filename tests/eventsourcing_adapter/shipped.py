"""The test cases that the library ships for recorders.

Their module also imports the library's cipher, for tests of encryption, and with it a package that we have
no use for: so it finds an empty one in its place.
"""

import sys
from types import ModuleType

_CIPHER = "eventsourcing.cipher"


class _NoCipher(ModuleType):
    AESCipher = object


_there_before = sys.modules.get(_CIPHER)
sys.modules[_CIPHER] = _NoCipher(_CIPHER)
try:
    from eventsourcing.tests import persistence
finally:
    del sys.modules[_CIPHER]
    if _there_before is not None:
        sys.modules[_CIPHER] = _there_before

__all__ = ["persistence"]
