"""Every letter of a mailing's audience checked before one is sent.

What the database can tell is asked of the whole audience in a few statements; what only composing finds, the last dry
run tells. Nothing is written.
"""

from campaigns.preflight.checks import findings
from campaigns.preflight.finding import Finding

__all__ = ["Finding", "findings"]
