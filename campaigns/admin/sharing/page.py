"""Sharing an object with colleagues and groups, and the end of it: a button, and its page."""

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE
from django.contrib.auth.backends import ModelBackend
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.models import Model, QuerySet, TextField, Value
from django.db.models.functions import Cast, Left, Now
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from accounts.models import User
from campaigns import access
from campaigns.admin.base import ScopedAdmin, person
from campaigns.admin.sharing.forms import VERB_TITLES, GranteesForm, ShareForm, full_name
from campaigns.models import Mailing, Message, Recipient, RecipientList, shares

# The field by which each noun is called in a history.
NAMES: dict[type[Model], str] = {Mailing: "name", Message: "subject", Recipient: "email", RecipientList: "name"}

_RECORD = """INSERT INTO django_admin_log
(action_time, user_id, content_type_id, object_id, object_repr, action_flag, change_message) """


class Sharing(ScopedAdmin):
    """Gives a noun the button “Share” and its page. Whoever may not share the object does not find the page."""

    actions_detail: Any = ("share",)

    @action(description=gettext_lazy("Share"), url_path="share", icon="person_add")
    def share(self, request: HttpRequest, object_id: str) -> HttpResponse:
        obj = self.get_object(request, object_id)
        if not access.can(request.user, "share", obj):
            raise Http404
        if "revoke" in request.POST:
            return _revoke(request, obj)
        form = ShareForm(request, self.model, request.POST if request.method == "POST" else None, obj=obj)
        if form.is_valid():
            return _give(request, obj, form)
        return TemplateResponse(request, "campaigns/sharing.html", self._page(request, obj, form))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        found: list[Any] = super().get_actions_detail(request, object_id)
        if access.can(request.user, "share", self.get_object(request, str(object_id))):
            return found
        return [item for item in found if item.path != "share"]

    def _page(self, request: HttpRequest, obj: Model, form: ShareForm) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": _("Share “%s”") % obj,
            "page_name": _("Share"),
            "opts": self.opts,
            "original": obj,
            "form": form,
            "media": form.media,
            "shares": list(_described(obj)),
        }


def _described(obj: Model) -> Iterator[dict[str, Any]]:
    """The shares as the page shows them; those that let nobody do anything now are told from the others."""
    found = shares.of(obj)
    active = ModelBackend().with_perm(f"campaigns.view_{obj._meta.model_name}").values_list("pk", flat=True)
    effective = set(active.filter(pk__in=[share.grantee.pk for share in found if isinstance(share.grantee, User)]))
    for share in found:
        is_user = isinstance(share.grantee, User)
        yield {
            "key": share.key,
            "icon": "person" if is_user else "group",
            "name": str(share.grantee),
            "email": getattr(share.grantee, "email", ""),
            "verbs": _titles(share.verbs),
            "idle": is_user and share.grantee.pk not in effective,
        }


def _titles(verbs: Any) -> list[str]:
    """The verbs, with those that they include, in the usual order."""
    return [str(title) for verb, title in VERB_TITLES.items() if set(shares.INCLUDED_IN[verb]) & set(verbs)]


def _give(request: HttpRequest, obj: Model, form: ShareForm) -> HttpResponse:
    with transaction.atomic():
        changed = apply(request, type(obj)._default_manager.filter(pk=obj.pk), form)
        if isinstance(obj, Mailing) and form.cleaned_data.get("with_message"):
            changed |= _share_message(request, obj, form)
    if changed:
        names = get_text_list([str(grantee) for grantee in form.grantees()], _("and"))
        messages.success(request, _("“%(object)s” is shared with %(names)s.") % {"object": obj, "names": names})
    else:
        messages.info(request, _("It was shared just so already."))
    return HttpResponseRedirect(request.path)


def apply(request: HttpRequest, objects: QuerySet[Any], form: GranteesForm) -> set[int]:
    """Do what the form says with the objects, and write it into their histories; returns the ids of the changed."""
    changed: set[int] = set()
    with transaction.atomic():
        for grantee in form.grantees():
            verbs = form.verbs()
            ids = shares.give(objects, grantee, verbs)
            _record(request, objects.model, ids, _given(grantee, verbs) if verbs else _ended(grantee))
            changed |= ids
    return changed


def _share_message(request: HttpRequest, mailing: Mailing, form: ShareForm) -> set[int]:
    """Let the message be seen, too, by those to whom it is not open yet; what they may do beyond that stays."""
    known = {share.grantee for share in shares.of(mailing.message)}
    changed: set[int] = set()
    for grantee in set(form.grantees()) - known:
        ids = shares.add(Message.objects.filter(pk=mailing.message_id), grantee, ["view"])
        _record(request, Message, ids, _given(grantee, ["view"]))
        changed |= ids
    return changed


def _revoke(request: HttpRequest, obj: Model) -> HttpResponse:
    for share in shares.of(obj):
        if share.key == request.POST["revoke"]:
            with transaction.atomic():
                ids = shares.take(type(obj)._default_manager.filter(pk=obj.pk), share.grantee)
                _record(request, type(obj), ids, _ended(share.grantee))
            names = {"object": obj, "name": share.grantee}
            messages.success(request, _("“%(object)s” is no longer shared with %(name)s.") % names)
            break
    else:
        messages.info(request, _("It was not shared with them any more."))
    return HttpResponseRedirect(request.path)


def _given(grantee: shares.Grantee, verbs: Any) -> str:
    return _("Shared with %(name)s: %(verbs)s.") % {"name": full_name(grantee), "verbs": ", ".join(_titles(verbs))}


def _ended(grantee: shares.Grantee) -> str:
    return _("No longer shared with %s.") % full_name(grantee)


def _record(request: HttpRequest, model: type[Model], ids: set[int], sentence: str) -> None:
    """Write it into the histories in one statement (100,000 recipients: 3 s; entry by entry, 8 s)."""
    noun, who = ContentType.objects.get_for_model(model).pk, person(request).pk
    changed = model._default_manager.order_by("pk").extra(where=["id = ANY(%s)"], params=[list(ids)])
    rows = changed.values_list(
        Now(), Value(who), Value(noun), Cast("pk", TextField()), Left(NAMES[model], 200), Value(CHANGE), Value(sentence)
    )
    sql, params = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_RECORD + sql, params)
