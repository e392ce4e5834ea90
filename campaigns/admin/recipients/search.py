"""What the search for recipients finds, by the trigrams that its indexes hold."""

import re
from functools import reduce
from operator import and_

from django.db.models import Q
from django.utils.text import smart_split, unescape_string_literal

# Three letters or digits in a row, or one that begins a word behind something else: what a trigram can be made of.
_TRIGRAM = re.compile(r"[^\W_]{3}|[\W_][^\W_]")
_LETTER = re.compile(r"[^\W_]")


def matching(term: str) -> Q:
    """The recipients who have each word of the term in their address or name.

    A word too short for a trigram is looked for where an address, or a word of a name, begins; one without letters and
    digits is passed over. Else all rows would be read. Quotes hold words together.
    """
    words = [_unquoted(bit) for bit in smart_split(term)]
    return reduce(and_, (_has(word) for word in words if _LETTER.search(word)), Q())


def _unquoted(bit: str) -> str:
    return unescape_string_literal(bit) if len(bit) > 1 and bit[0] in "\"'" and bit[0] == bit[-1] else bit


def _has(word: str) -> Q:
    if _TRIGRAM.search(word):
        return Q(email__icontains=word) | Q(full_name__icontains=word)
    return Q(email__istartswith=word) | Q(full_name__istartswith=word) | Q(full_name__icontains=f" {word}")
