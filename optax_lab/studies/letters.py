# A letter display: what cannot be told apart shares a letter.

import itertools
import string
from collections.abc import Collection, Iterator, Sequence


def letters(
    names: Sequence[str], separable: Collection[tuple[str, str]]
) -> dict[str, str]:
    """Returns a compact letter display: names share a letter iff not separable.

    Each letter is a largest group of which no two are separable, found by inserting
    one separable pair after the other and absorbing groups within others (Piepho, J.
    Comput. Graph. Stat. 13, 2004).

    Args:
      names: the best first, which gets the letter a.
      separable: the pairs that are, in any order.

    Raises:
      ValueError: if a name is there twice, or a pair is not of two of the names.

    >>> letters(["adam", "sgd", "lion"], [("adam", "lion")])
    {'adam': 'a', 'sgd': 'ab', 'lion': 'b'}
    """
    place = {name: i for i, name in enumerate(names)}
    if len(place) < len(names):
        raise ValueError(f"names must differ, got {list(names)}")
    groups = [frozenset(names)]
    for pair in map(frozenset, separable):
        if len(pair) != 2 or not pair <= place.keys():
            raise ValueError(f"pairs must be two of the names, got {sorted(pair)}")
        groups = _absorbed([part for group in groups for part in _split(group, pair)])
    groups.sort(key=lambda group: sorted(place[name] for name in group))
    lettered = list(zip(_alphabet(), groups, strict=False))
    return {
        name: "".join(a for a, group in lettered if name in group) for name in names
    }


def _split(group: frozenset[str], pair: frozenset[str]) -> list[frozenset[str]]:
    """Returns a group, or, if a pair is in it, the group without one and the other."""
    return [group - {name} for name in pair] if pair <= group else [group]


def _absorbed(groups: list[frozenset[str]]) -> list[frozenset[str]]:
    """Returns the groups that are not within another."""
    different = list(dict.fromkeys(groups))
    return [a for a in different if not any(a < b for b in different)]


def _alphabet() -> Iterator[str]:
    """Yields a … z, A … Z, and then as many more letters as are asked for."""
    yield from string.ascii_letters
    yield from filter(str.isalpha, map(chr, itertools.count(0x100)))
