import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0014_import_lists"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkJob",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("request_id", models.CharField(default="-", max_length=64, verbose_name="request id")),
                (
                    "deed",
                    models.CharField(
                        choices=[
                            ("add-to-list", "Add to a list"),
                            ("remove-from-list", "Remove from a list"),
                            ("add-to-mailing", "Add to a mailing"),
                            ("remove-from-mailing", "Remove from a mailing"),
                            ("delete", "Delete"),
                        ],
                        max_length=19,
                        verbose_name="what",
                    ),
                ),
                ("target_name", models.CharField(blank=True, max_length=200, verbose_name="list or mailing")),
                (
                    "keys",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, editable=False
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="running",
                        max_length=9,
                        verbose_name="state",
                    ),
                ),
                ("reason", models.TextField(blank=True, verbose_name="reason")),
                ("total", models.PositiveIntegerField(default=0, verbose_name="selected")),
                ("position", models.PositiveIntegerField(default=0, verbose_name="so far")),
                ("changed", models.PositiveIntegerField(default=0, verbose_name="changed")),
                ("refused", models.PositiveIntegerField(default=0, verbose_name="refused")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="begun")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                (
                    "mailing",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="campaigns.mailing",
                        verbose_name="mailing",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="bulk_jobs",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="owner",
                    ),
                ),
                (
                    "recipient_list",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="campaigns.recipientlist",
                        verbose_name="list",
                    ),
                ),
            ],
            options={
                "verbose_name": "bulk change",
                "verbose_name_plural": "bulk changes",
                "ordering": ["-id"],
                "permissions": [("view_all_bulkjobs", "Can view everybody's bulk changes")],
                "default_permissions": ("view", "change"),
                "indexes": [models.Index(fields=["owner", "-id"], name="bulkjob_list")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("position__lte", models.F("total"))), name="bulkjob_position_within_total"
                    )
                ],
            },
        ),
    ]
