from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from backoffice import log_files
from backoffice.correlation import correlated
from campaigns.imports import work
from campaigns.models import ImportJob


class Command(BaseCommand):
    help = (
        "Carry out one import that a person has uploaded or confirmed. Workers call it; what comes of it stands on the "
        "import's page. Exit status: 0 it has ended, whichever way; otherwise it is not known, and it can be repeated."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--id", type=int, required=True, help="the import's number")

    def handle(self, *args: Any, **options: Any) -> None:
        log_files.write("worker")
        found = ImportJob.objects.filter(pk=options["id"]).values_list("request_id", "owner__email").first()
        with correlated(*found or ("-",)):
            work.carry_out(options["id"])
