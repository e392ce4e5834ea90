from django.db import migrations, models

import accounts.languages
import accounts.models


def read_english(apps, schema_editor):
    """Russian was offered before there was a catalogue: half of each page was English."""
    apps.get_model("accounts", "User").objects.filter(language="ru").update(language="en")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="language",
            field=models.CharField(
                choices=accounts.languages.offered,
                default=accounts.models.default_language,
                max_length=10,
                verbose_name="language",
            ),
        ),
        migrations.AlterField(
            model_name="user",
            name="is_staff",
            field=models.BooleanField(
                default=True,
                help_text="What the person may do there is decided by roles and permissions.",
                verbose_name="may log in to the back office",
            ),
        ),
        migrations.RunPython(read_english, migrations.RunPython.noop),
    ]
