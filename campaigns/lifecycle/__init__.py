"""What can be done with a mailing: the verbs. Whether a person may is access.py's; callers ask there first."""

from campaigns.lifecycle.errors import AlreadyRunning, LifecycleError, NobodyToSendTo, NotNow, SendingStopped
from campaigns.lifecycle.launching import launch
from campaigns.lifecycle.resolving import confirm_unconfirmed, resend_unconfirmed, retry_failed
from campaigns.lifecycle.scheduling import launch_due, schedule, unschedule
from campaigns.lifecycle.steering import cancel, disable, enable, pause, resume

__all__ = [
    "AlreadyRunning",
    "LifecycleError",
    "NobodyToSendTo",
    "NotNow",
    "SendingStopped",
    "cancel",
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
    "unschedule",
]
