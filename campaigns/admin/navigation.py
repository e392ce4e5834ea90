"""The sidebar: what the person may open, in the order of the work."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.admin.operations import stop_switch


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's navigation for this person."""
    groups: list[tuple[str, list[tuple[str, str, str, str | None]]]] = [
        (
            _("Campaigns"),
            [
                (_("Dashboard"), "dashboard", "admin:index", None),
                (_("Mailings"), "outgoing_mail", "admin:campaigns_mailing_changelist", "campaigns.view_mailing"),
                (_("Messages"), "drafts", "admin:campaigns_message_changelist", "campaigns.view_message"),
                (_("Recipients"), "contacts", "admin:campaigns_recipient_changelist", "campaigns.view_recipient"),
                (
                    _("Recipient lists"),
                    "groups_2",
                    "admin:campaigns_recipientlist_changelist",
                    "campaigns.view_recipientlist",
                ),
                (_("Suppressions"), "block", "admin:campaigns_suppression_changelist", "campaigns.view_suppression"),
                (_("Imports"), "upload_file", "admin:campaigns_importjob_changelist", "campaigns.view_importjob"),
                (_("Bulk changes"), "checklist", "admin:campaigns_bulkjob_changelist", "campaigns.view_bulkjob"),
            ],
        ),
        (
            _("What happened"),
            [
                (_("Statistics"), "bar_chart", "reports:statistics", "campaigns.view_mailing"),
                (_("My report"), "person_play", "reports:mine", "campaigns.view_mailing"),
                (
                    _("Attempts"),
                    "rocket_launch",
                    "admin:campaigns_mailingattempt_changelist",
                    "campaigns.view_mailingattempt",
                ),
                (_("Mailing log"), "list_alt", "admin:campaigns_mailinglog_changelist", "campaigns.view_mailinglog"),
            ],
        ),
        (
            _("Sending"),
            [
                (_("Limits"), "speed", "admin:campaigns_sendinglimit_changelist", "campaigns.view_sendinglimit"),
                (
                    _("Slow-downs"),
                    "snooze",
                    "admin:campaigns_domainslowdown_changelist",
                    "campaigns.view_domainslowdown",
                ),
                (_("Stops"), "pan_tool", "admin:campaigns_sendingstop_changelist", "campaigns.view_sendingstop"),
                (
                    _("Resume sending") if stop_switch.in_force(request) else _("Stop all sending"),
                    "front_hand",
                    "admin:stop_sending",
                    "campaigns.stop_sending",
                ),
            ],
        ),
        (
            _("People"),
            [
                (_("Users"), "person", "admin:accounts_user_changelist", "accounts.view_user"),
                (_("Roles"), "groups", "admin:auth_group_changelist", "auth.view_group"),
            ],
        ),
        (
            _("Machinery"),
            [
                (
                    _("Scheduler jobs"),
                    "schedule",
                    "admin:django_apscheduler_djangojob_changelist",
                    "django_apscheduler.view_djangojob",
                ),
                (
                    _("Scheduler runs"),
                    "history",
                    "admin:django_apscheduler_djangojobexecution_changelist",
                    "django_apscheduler.view_djangojobexecution",
                ),
                (
                    _("Queue"),
                    "queue",
                    "admin:procrastinate_procrastinatejob_changelist",
                    "procrastinate.view_procrastinatejob",
                ),
                (
                    _("Workers"),
                    "engineering",
                    "admin:procrastinate_procrastinateworker_changelist",
                    "procrastinate.view_procrastinateworker",
                ),
            ],
        ),
    ]
    shown = [(title, [item for item in items if _may_open(request, item[3])]) for title, items in groups]
    return [
        {"title": title, "separator": bool(position), "items": [_item(*item) for item in items]}
        for position, (title, items) in enumerate(shown)
        if items
    ]


def _may_open(request: HttpRequest, permission: str | None) -> bool:
    return permission is None or request.user.has_perm(permission)


def _item(title: str, icon: str, url_name: str, _permission: str | None) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse(url_name)}
