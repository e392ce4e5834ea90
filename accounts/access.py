"""Who may manage whom. Django's permissions alone would let whoever may change users become superuser.

Nobody gives a permission or a role that is not their own, and nobody changes or deletes an account or a role
that holds more than they do: its password would be a way to the rest. A superuser may do all.
"""

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

from accounts.models import User


def may_manage(actor: User, subject: User | Group) -> bool:
    """Whether the subject holds nothing that the actor does not; Django's permissions are asked beside this."""
    if actor.is_superuser:
        return True
    if isinstance(subject, Group):
        return not _beyond(actor, subject.permissions.all())
    has_other_roles = subject.groups.exclude(pk__in=givable_roles(actor)).exists()
    return not subject.is_superuser and not has_other_roles and not _beyond(actor, held_permissions(subject))


def givable_roles(actor: User) -> QuerySet[Group]:
    """The actor's own roles; for a superuser all. A role may carry shares, so its permissions do not tell enough."""
    return Group.objects.all() if actor.is_superuser else actor.groups.all()


def held_permissions(person: User) -> QuerySet[Permission]:
    """What was given to the person, active or not: an account that sleeps must not look powerless."""
    if person.is_superuser:
        return Permission.objects.all()
    return Permission.objects.filter(Q(user=person) | Q(group__user=person)).distinct()


def _beyond(actor: User, permissions: QuerySet[Permission]) -> bool:
    return permissions.exclude(pk__in=held_permissions(actor)).exists()
