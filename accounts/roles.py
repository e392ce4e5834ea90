"""The two roles, as groups with permissions. Who may do what with which object is campaigns/access.py's."""

from django.contrib.auth.models import Group, Permission

OPERATOR = "operator"
MANAGER = "manager"

_NOUNS = ("recipient", "recipientlist", "message", "mailing")
_READ = frozenset(
    {f"campaigns.view_{noun}" for noun in ("mailingattempt", "mailinglog", "importjob", "bulkjob", "suppression")}
    | {f"campaigns.view_{noun}" for noun in _NOUNS}
)
_WRITE = frozenset(
    {f"campaigns.{verb}_{noun}" for verb in ("add", "change", "delete") for noun in _NOUNS}
    | {"campaigns.send_mailing", "campaigns.change_importjob", "campaigns.change_bulkjob"}
    | {"campaigns.add_suppression", "campaigns.delete_suppression"}
)
_OVERSEE = frozenset(
    {
        "campaigns.view_all_recipients",
        "campaigns.view_all_recipientlists",
        "campaigns.view_all_suppressions",
        "campaigns.view_all_messages",
        "campaigns.view_all_mailings",
        "campaigns.view_all_importjobs",
        "campaigns.view_all_bulkjobs",
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


def lacking() -> dict[str, frozenset[str]]:
    """By role, the permissions that its group should have and has not, as after an upgrade; {} where all is well."""
    held: dict[str, set[str]] = {name: set() for name in PERMISSIONS}
    groups = Group.objects.filter(name__in=PERMISSIONS, permissions__isnull=False)
    for name, app_label, codename in groups.values_list(
        "name", "permissions__content_type__app_label", "permissions__codename"
    ):
        held[name].add(f"{app_label}.{codename}")
    return {name: missing for name, known in PERMISSIONS.items() if (missing := known - held[name])}


def _permission(dotted: str) -> Permission:
    app_label, codename = dotted.split(".")
    return Permission.objects.get(content_type__app_label=app_label, codename=codename)
