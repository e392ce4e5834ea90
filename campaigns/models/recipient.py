from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower, Upper
from django.utils.translation import gettext_lazy as _

from campaigns.models.attribute import with_lower_names


class Recipient(models.Model):
    """Somebody who gets mail. Each owner keeps own recipients; an address stands once per owner."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="recipients", verbose_name=_("owner")
    )
    email = models.EmailField(_("e-mail"))
    full_name = models.CharField(_("full name"), max_length=200, blank=True)
    comment = models.TextField(_("comment"), blank=True)
    attributes = models.JSONField(
        _("attributes"),
        default=dict,
        blank=True,
        help_text=_("Extra columns of the import, usable in messages as {{ attributes.city }}."),
    )
    version = models.PositiveIntegerField(_("version"), default=1, db_default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("recipient")
        verbose_name_plural = _("recipients")
        ordering = ["-id"]
        permissions = [("view_all_recipients", "Can view everybody's recipients")]
        indexes = [
            models.Index(fields=["owner", "-id"], name="recipient_list"),
            models.Index(Lower("email"), "id", name="recipient_by_email"),
            # Of upper(), which is what the lookup icontains asks for.
            GinIndex(OpClass(Upper("email"), "gin_trgm_ops"), name="recipient_email_search"),
            GinIndex(OpClass(Upper("full_name"), "gin_trgm_ops"), name="recipient_name_search"),
        ]
        constraints = [
            models.UniqueConstraint(
                "owner",
                Lower("email"),
                name="recipient_once_per_owner",
                violation_error_message=_("There is a recipient with this e-mail already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.full_name} <{self.email}>" if self.full_name else self.email

    def clean(self) -> None:
        super().clean()
        if self.attributes is None:
            self.attributes = {}
        if not isinstance(self.attributes, dict):
            raise ValidationError({"attributes": _('Write names with their values: {"city": "Berlin"}.')})
        self.attributes = with_lower_names(self.attributes)
