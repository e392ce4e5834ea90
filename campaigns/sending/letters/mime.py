"""Header fields and bodies as they travel: encoded words (RFC 2047) and quoted-printable (RFC 2045)."""

import binascii

SOFT_BREAK = b"=\r\n"
LF = ord("\n")
# Bytes of UTF-8 that base64 and "=?utf-8?b??=" turn into a word short enough for "Subject: " before it.
ENCODED_WORD_BYTES = 42
LONGEST_PLAIN_HEADER = 64
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)], " ")


def one_line(text: str) -> str:
    """Header text: nothing that could begin another header, or be decoded to something else (RFC 2047)."""
    if not text.isprintable():
        text = text.translate(_CONTROLS)
    return " ".join(text.split()).replace("=?", "= ?")


def unstructured(text: str) -> bytes:
    """The text of a header field, such as a subject, in one line or folded."""
    text = one_line(text)
    return text.encode() if text.isascii() and len(text) <= LONGEST_PLAIN_HEADER else _encoded_words(text)


def named(name: str, what: str) -> bytes:
    """What stands in angle brackets, an address or a list's identifier, with the name before it."""
    name = one_line(name)
    if not name:
        return what.encode()
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    if quoted.isascii() and len(quoted) <= LONGEST_PLAIN_HEADER:
        return f'"{quoted}"\r\n {what}'.encode()
    return b"%b\r\n %b" % (_encoded_words(name), what.encode())


def _encoded_words(text: str) -> bytes:
    """RFC 2047: words of at most 75 characters, cut between characters, one a line."""
    content = text.encode()
    words, start = [], 0
    while start < len(content):
        end = start + ENCODED_WORD_BYTES
        while end < len(content) and content[end] & 0xC0 == 0x80:
            end -= 1
        words.append(b"=?utf-8?b?%b?=" % binascii.b2a_base64(content[start:end], newline=False))
        start = end
    return b"\r\n ".join(words)


def quoted_printable(text: str) -> bytes:
    """RFC 2045, 6.7, with CRLF line ends, of which none is followed by a dot.

    Lines have at most 76 characters, or 78 where the codec writes a blank at a line's end.
    """
    if "\r" in text or "\n" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")
    content = text.encode()
    encoded = _quoted_printable(content)
    if "." in text and (encoded.startswith(b".") or b"\n." in encoded):
        # No UTF-8 has the byte FF, so it can stand for the dots until the lines are cut.
        encoded = _quoted_printable(content.replace(b".", b"\xff")).replace(b"=FF", b"=2E")
    return encoded


def quoted_printable_before_break(text: str) -> bytes:
    """The same for a text that a soft break follows: its last line leaves room for it, and may end with a blank."""
    return quoted_printable(text + "x")[:-1]


def _quoted_printable(content: bytes) -> bytes:
    encoded = binascii.b2a_qp(content, istext=True)
    # The codec ends its soft breaks as the first line of the text ends, and with a bare LF if there is none.
    return encoded if LF in content else encoded.replace(b"\n", b"\r\n")
