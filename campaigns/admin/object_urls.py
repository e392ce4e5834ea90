"""The addresses of the pages that an object has beside those of Django's admin."""

from collections.abc import Callable

from django.contrib.admin import ModelAdmin
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

type View = Callable[..., HttpResponseBase]


def object_urls(admin: ModelAdmin, *, cacheable: bool = False, **views: View) -> list[URLPattern]:
    """`<id>/<name>/` for each of the views, which get the id as `object_id`; named `<app>_<model>_<name>`.

    `cacheable` as in AdminSite.admin_view(): the view itself says what the browser may keep.
    """
    noun = f"{admin.opts.app_label}_{admin.opts.model_name}"
    return [
        path(f"<path:object_id>/{name}/", admin.admin_site.admin_view(view, cacheable), name=f"{noun}_{name}")
        for name, view in views.items()
    ]
