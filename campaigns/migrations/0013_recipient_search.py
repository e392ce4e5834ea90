import django.db.models.functions.text
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently, TrigramExtension
from django.db import migrations, models


class Migration(migrations.Migration):
    # Indexes are built beside the work of others, which no transaction can.
    atomic = False

    dependencies = [("campaigns", "0012_recipient_lists")]

    operations = [
        TrigramExtension(),
        AddIndexConcurrently(
            model_name="recipient",
            index=models.Index(
                django.db.models.functions.text.Lower("email"), models.F("id"), name="recipient_by_email"
            ),
        ),
        AddIndexConcurrently(
            model_name="recipient",
            index=GinIndex(
                OpClass(django.db.models.functions.text.Upper("email"), name="gin_trgm_ops"),
                name="recipient_email_search",
            ),
        ),
        AddIndexConcurrently(
            model_name="recipient",
            index=GinIndex(
                OpClass(django.db.models.functions.text.Upper("full_name"), name="gin_trgm_ops"),
                name="recipient_name_search",
            ),
        ),
    ]
