from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0003_limits_and_stop'),
    ]

    operations = [
        migrations.AddField(
            model_name='mailingattempt',
            name='new_only',
            field=models.BooleanField(db_default=False, default=False, verbose_name='new recipients only'),
        ),
        migrations.AlterField(
            model_name='mailing',
            name='end_at',
            field=models.DateTimeField(blank=True, help_text='Nothing is sent after this.', null=True, verbose_name='end'),
        ),
    ]
