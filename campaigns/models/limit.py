from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, validate_domain_name
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from campaigns import domains

EVERYBODY = ""
EACH_DOMAIN = "*"


class Unit(models.IntegerChoices):
    """What is limited; a rate's value is its period in seconds."""

    CONNECTIONS = 0, _("connections at a time")
    SECOND = 1, _("letters a second")
    MINUTE = 60, _("letters a minute")
    HOUR = 3600, _("letters an hour")


def validate_domain(value: str) -> None:
    """A domain name, or the sign for each domain. Raises ValidationError."""
    if value != EACH_DOMAIN:
        validate_domain_name(value)


class SendingLimit(models.Model):
    """How much may be sent, by all workers together. Of several limits that concern a letter, all hold."""

    Unit = Unit

    domain = models.CharField(
        _("recipients' domain"),
        max_length=253,
        blank=True,
        default=EVERYBODY,
        validators=[validate_domain],
        help_text=_("Empty: all mail together. *: each domain that has no rate of its own, one by one."),
    )
    maximum = models.PositiveIntegerField(_("at the most"), validators=[MinValueValidator(1)])
    unit = models.PositiveSmallIntegerField(_("of what"), choices=Unit.choices, default=Unit.MINUTE)

    class Meta:
        verbose_name = _("sending limit")
        verbose_name_plural = _("sending limits")
        ordering = ["domain", "unit"]
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "unit"],
                name="limit_once_per_domain_and_unit",
                violation_error_message=_("There is such a limit already: change that one."),
            ),
            models.CheckConstraint(condition=Q(maximum__gte=1), name="limit_lets_something_through"),
            models.CheckConstraint(condition=Q(unit__in=Unit.values), name="limit_unit_is_known"),
            models.CheckConstraint(condition=Q(domain=Lower("domain")), name="limit_domain_is_lower_case"),
            models.CheckConstraint(
                condition=~Q(unit=Unit.CONNECTIONS) | Q(domain=EVERYBODY),
                name="limit_of_connections_has_no_domain",
                violation_error_message=_("Connections are limited for all mail together: leave the domain empty."),
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(maximum)s %(unit)s, %(scope)s") % {
            "maximum": self.maximum,
            "unit": self.get_unit_display(),
            "scope": self.scope(),
        }

    def scope(self) -> str:
        """Whose mail is limited, for a person to read."""
        return {EVERYBODY: gettext("all mail"), EACH_DOMAIN: gettext("each domain")}.get(self.domain, self.domain)

    def clean(self) -> None:
        super().clean()
        self.domain = domains.ascii_form(self.domain)
        if not self.domain.isascii():
            raise ValidationError({"domain": validate_domain_name.message})
