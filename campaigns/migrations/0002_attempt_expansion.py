from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='mailingattempt',
            name='expanded_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name='mailingattempt',
            name='expanded_to',
            field=models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.RunSQL(
            "UPDATE campaigns_mailingattempt SET expanded_at = created_at WHERE expanded_at IS NULL",
            migrations.RunSQL.noop,
        ),
    ]
