"""What may be sent at the most: rates of letters, and connections. Workers know a change within two seconds."""

from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from campaigns.admin.base import SturdyList
from campaigns.admin.lists import ADD_LIMIT
from campaigns.models import SendingLimit


@admin.register(SendingLimit)
class SendingLimitAdmin(SturdyList):
    list_display = ("whose", "maximum", "unit")
    list_fullwidth = True
    search_fields = ("domain",)
    search_help_text = gettext_lazy("Domain")
    list_filter_submit = True
    list_filter = (("unit", ChoicesDropdownFilter),)
    first_steps = (ADD_LIMIT,)
    nothing_yet = gettext_lazy("Without a limit, mail is sent as fast as the mail server takes it.")
    warn_unsaved_form = True
    fieldsets = (
        (
            None,
            {
                "fields": ("maximum", "unit", "domain"),
                "description": gettext_lazy(
                    "For all workers together, across restarts. Of several limits that concern a letter, all hold. "
                    "Letters leave evenly: in any period at most what is allowed for it and one second’s worth more, "
                    "or one letter more."
                ),
            },
        ),
    )

    @display(description=gettext_lazy("of"), ordering="domain")
    def whose(self, limit: SendingLimit) -> str:
        return limit.scope()
