"""Any name is one part of an address, and is read from there as it was."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temple_ledger.infrastructure.names.segment import from_segment, in_segment

NAMES = st.text(st.characters(exclude_categories=["Cs"])) | st.text(st.sampled_from("%25FfEe/.?#+&~ "), max_size=8)


@given(NAMES)
def test_a_name_is_one_part_of_an_address_and_comes_back(name: str) -> None:
    part = unquote(in_segment(name))
    assert "/" not in part
    assert part not in (".", "..")
    assert from_segment(part) == name


@pytest.mark.parametrize("name", ["500000000000000001", "patreon:42", "members@2", "Oracle"])
def test_an_id_stands_there_as_it_is(name: str) -> None:
    assert in_segment(name) == name


def test_what_somebody_typed_with_a_sign_that_is_not_escaped_is_read_as_it_stands() -> None:
    assert from_segment("50% off") == "50% off"
    assert from_segment("%41") == "%41"
