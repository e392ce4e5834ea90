import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0004_new_recipients_only'),
    ]

    operations = [
        migrations.AddField(
            model_name='chunk',
            name='in_flight',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], default=list, editable=False),
        ),
        migrations.AlterField(
            model_name='mailinglog',
            name='attention',
            field=models.PositiveSmallIntegerField(choices=[(0, 'Pending'), (2, 'Deferred'), (3, 'Sent'), (4, 'Error'), (5, 'Skipped'), (6, 'Unconfirmed'), (7, 'Dry run'), (8, 'Cancelled')], editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='mailinglog',
            name='status',
            field=models.PositiveSmallIntegerField(choices=[(0, 'Pending'), (2, 'Deferred'), (3, 'Sent'), (4, 'Error'), (5, 'Skipped'), (6, 'Unconfirmed'), (7, 'Dry run'), (8, 'Cancelled')], default=0, verbose_name='status'),
        ),
    ]
