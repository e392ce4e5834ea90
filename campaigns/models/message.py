from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns import placeholders

one_line = RegexValidator(r"[\r\n]", _("This must be a single line."), inverse_match=True)


class Message(models.Model):
    """What is sent: subject, text and, if wanted, HTML, with placeholders for what is personal."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="messages", verbose_name=_("owner")
    )
    subject = models.CharField(_("subject"), max_length=255, validators=[one_line, placeholders.validate])
    body = models.TextField(
        _("text"),
        blank=True,
        validators=[placeholders.validate],
        help_text=_(
            'Personal parts: {{ full_name }}, {{ email }}, {{ comment }}, {{ attributes.city|default:"your city" }}.'
        ),
    )
    body_html = models.TextField(
        _("HTML"),
        blank=True,
        validators=[placeholders.validate],
        help_text=_("Shown by mail programs instead of the text. The same placeholders work here."),
    )
    version = models.PositiveIntegerField(_("version"), default=1, db_default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["-id"]
        permissions = [("view_all_messages", "Can view everybody's messages")]
        indexes = [models.Index(fields=["owner", "-id"], name="message_list")]
        constraints = [
            models.CheckConstraint(condition=~models.Q(body="") | ~models.Q(body_html=""), name="message_is_not_empty"),
        ]

    def __str__(self) -> str:
        return self.subject

    def clean(self) -> None:
        super().clean()
        if not self.body and not self.body_html:
            raise ValidationError({"body": _("Write a text, or HTML, or both.")})
