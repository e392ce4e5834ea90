"""The two roles, as groups with permissions. Who may do what with which object is campaigns/access.py's."""

from django.contrib.auth.models import Group, Permission

OPERATOR = "operator"
MANAGER = "manager"

_NOUNS = ("recipient", "message", "mailing")
_READ = frozenset(
    {"campaigns.view_mailingattempt", "campaigns.view_mailinglog", "campaigns.view_importjob"}
    | {f"campaigns.view_{noun}" for noun in _NOUNS}
)
_WRITE = frozenset(
    {f"campaigns.{verb}_{noun}" for verb in ("add", "change", "delete") for noun in _NOUNS}
    | {"campaigns.send_mailing", "campaigns.change_importjob"}
)
_OVERSEE = frozenset(
    {
        "campaigns.view_all_recipients",
        "campaigns.view_all_messages",
        "campaigns.view_all_mailings",
        "campaigns.view_all_importjobs",
        "campaigns.disable_mailing",
        "campaigns.stop_sending",
        "campaigns.view_sendingstop",
        "campaigns.view_domainslowdown",
        "campaigns.change_domainslowdown",
    }
    | {f"campaigns.{verb}_sendinglimit" for verb in ("view", "add", "change", "delete")}
)

PERMISSIONS = {OPERATOR: _READ | _WRITE, MANAGER: _READ | _WRITE | _OVERSEE}


def role(name: str) -> Group:
    """The role's group, made or brought up to date with PERMISSIONS; permissions added by hand stay."""
    group, _created = Group.objects.get_or_create(name=name)
    group.permissions.add(*(_permission(dotted) for dotted in PERMISSIONS[name]))
    return group


def _permission(dotted: str) -> Permission:
    app_label, codename = dotted.split(".")
    return Permission.objects.get(content_type__app_label=app_label, codename=codename)
