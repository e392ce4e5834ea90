"""MAIL, RCPT and DATA for one letter, and what the server says to them (RFC 5321, 3.3)."""

from __future__ import annotations

from campaigns.sending.letters.composer import Letter
from campaigns.sending.smtp.handshake import Session

RSET, DATA, EMPTY_BODY = b"RSET\r\n", b"DATA\r\n", b".\r\n"
GO_AHEAD, CLOSING = 354, 421
# The steps, in the order of the commands; RESET comes first where the envelope before was refused.
RESET, MAIL, RCPT, BODY, EMPTIED = range(-1, 4)
EXPECTED = {MAIL: (250,), RCPT: (250, 251), BODY: (GO_AHEAD,)}


class Envelope:
    """The commands of one letter: all in one write where the server takes that (RFC 2920), else one by one."""

    __slots__ = ("_commands", "_pipelining", "_step", "complete", "half_taken", "refusal")

    def __init__(self, letter: Letter, session: Session, *, reset: bool) -> None:
        self._commands = (_mail(letter, session), b"RCPT TO:<%s>\r\n" % letter.to.encode(), DATA)
        self._pipelining = session.pipelining
        self._step = RESET if reset else MAIL
        # Whether everything has been answered, and the first unwanted answer: step, code, text.
        self.complete = False
        self.refusal: tuple[int, int, bytes] | None = None
        # The server wants a body for an envelope that it has refused in part.
        self.half_taken = False

    def opening(self) -> tuple[bytes, int]:
        """What to write first, and how many answers it will get."""
        if not self._pipelining:
            return (self._commands[MAIL] if self._step == MAIL else RSET), 1
        commands = b"".join(self._commands)
        return (commands, 3) if self._step == MAIL else (RSET + commands, 4)

    def answered(self, code: int, text: bytes) -> bytes:
        """Note the next answer; returns what must be written now, often nothing."""
        step, self._step = self._step, self._step + 1
        unwanted = code == CLOSING or (step in EXPECTED and code not in EXPECTED[step])
        if unwanted and self.refusal is None:
            self.refusal = step, code, text
        if step == BODY and code == GO_AHEAD and self.refusal:
            return self._unwanted_body()
        if step >= BODY or code == CLOSING or (self.refusal and not self._pipelining):
            self.complete = True
            return b""
        return b"" if self._pipelining else self._commands[step + 1]

    def _unwanted_body(self) -> bytes:
        # An empty body ends it where nobody can get it; where somebody could, it would be a letter.
        if self.refusal and self.refusal[0] == RCPT and self.refusal[1] >= 400:
            return EMPTY_BODY
        self.complete = self.half_taken = True
        return b""


def _mail(letter: Letter, session: Session) -> bytes:
    mail = b"MAIL FROM:<%s>" % letter.sender.encode()
    if session.size:  # RFC 1870: a letter that is too large is refused before it is sent
        mail += b" SIZE=%d" % len(letter.content)
    if letter.utf8:  # RFC 6531, 3.4
        mail += b" BODY=8BITMIME SMTPUTF8"
    return mail + b"\r\n"
