"""Why a mailing can not do what was asked of it."""


class LifecycleError(Exception):
    """The mailing is not in a state for that; the text says so to the person who tried."""


class NobodyToSendTo(LifecycleError):
    """The audience is empty."""


class AlreadyRunning(LifecycleError):
    """There is an unfinished attempt."""


class SendingStopped(LifecycleError):
    """All sending has been stopped."""


class BadAddress(LifecycleError):
    """What was typed in is no e-mail address."""


class NotNow(LifecycleError):
    """The mailing's state or dates do not allow it."""
