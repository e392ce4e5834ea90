"""What can be done with a mailing: the verbs. Whether a person may is access.py's; callers ask there first."""

from campaigns.lifecycle.cloning import clone, clone_message
from campaigns.lifecycle.errors import (
    AlreadyRunning,
    BadAddress,
    LifecycleError,
    NobodyToSendTo,
    NotNow,
    SendingStopped,
)
from campaigns.lifecycle.launching import can_be_undone, launch
from campaigns.lifecycle.resolving import confirm_unconfirmed, resend_unconfirmed, retry_failed
from campaigns.lifecycle.scheduling import launch_due, schedule, unschedule
from campaigns.lifecycle.steering import cancel, disable, enable, pause, resume
from campaigns.lifecycle.testing import send_test
from campaigns.lifecycle.undoing import undo

__all__ = [
    "AlreadyRunning",
    "BadAddress",
    "LifecycleError",
    "NobodyToSendTo",
    "NotNow",
    "SendingStopped",
    "can_be_undone",
    "cancel",
    "clone",
    "clone_message",
    "confirm_unconfirmed",
    "disable",
    "enable",
    "launch",
    "launch_due",
    "pause",
    "resend_unconfirmed",
    "resume",
    "retry_failed",
    "schedule",
    "send_test",
    "undo",
    "unschedule",
]
