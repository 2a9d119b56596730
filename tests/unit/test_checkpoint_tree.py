from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socialstrike.audit.merkle import Tree

#: The test data of the Certificate Transparency project for RFC 6962.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def naive(leaves: list[bytes]) -> bytes:
    """The definition in RFC 6962, section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\1" + naive(leaves[:k]) + naive(leaves[k:])).digest()


def grown(leaves: list[bytes]) -> Tree:
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_the_roots_are_those_of_the_published_test_data(size: int) -> None:
    assert grown(LEAVES[:size]).root().hex() == ROOTS[size]


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_any_tree_has_the_root_of_the_recursive_definition(leaves: list[bytes]) -> None:
    assert grown(leaves).root() == naive(leaves)


@given(st.lists(st.binary(max_size=8), max_size=70), st.integers(0, 70))
def test_a_tree_grown_from_kept_peaks_is_the_same_tree(leaves: list[bytes], at: int) -> None:
    kept = grown(leaves[:at])
    again = Tree(kept.size, [bytes.fromhex(peak) for peak in kept.peaks])
    for leaf in leaves[at:]:
        again.add(leaf)
    assert (again.size, again.peaks) == (len(leaves), grown(leaves).peaks)
    assert again.root() == naive(leaves)


@pytest.mark.parametrize(
    ("size", "peaks"), [(-1, []), (1, []), (0, [bytes(32)]), (3, [bytes(32)]), (1, [bytes(31)])]
)
def test_peaks_that_are_none_are_refused(size: int, peaks: list[bytes]) -> None:
    with pytest.raises(ValueError, match="peaks"):
        Tree(size, peaks)
