from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.models.limit import SendingLimit


class LimitBucket(models.Model):
    """The tokens of a limit, one for each letter that may be begun now; a limit of each domain has many buckets.

    Written by sending/limits/allowances.py alone, and by no clock but the database's.
    """

    pk = models.CompositePrimaryKey("limit_id", "domain")
    limit = models.ForeignKey(SendingLimit, on_delete=models.DB_CASCADE, related_name="buckets", db_index=False)
    domain = models.CharField(max_length=253, blank=True)
    tokens = models.FloatField()
    refilled_at = models.DateTimeField()

    class Meta:
        verbose_name = _("bucket")
        verbose_name_plural = _("buckets")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.limit_id} {self.domain}: {self.tokens}"
