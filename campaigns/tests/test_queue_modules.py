"""What a worker knows of the queue before any page of the admin is loaded."""

from django.conf import settings
from procrastinate.contrib.django import app


def test_workers_are_told_of_every_module_with_tasks() -> None:
    modules = {task.func.__module__ for task in app.tasks.values()}
    ours = {module for module in modules if module.startswith("campaigns.") and ".tests." not in module}
    assert ours == set(settings.PROCRASTINATE_IMPORT_PATHS)
