import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0005_chunk_in_flight'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Tally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('minute', models.DateTimeField(db_index=True)),
                ('sent', models.IntegerField(db_default=0, default=0)),
                ('errors', models.IntegerField(db_default=0, default=0)),
                ('skipped', models.IntegerField(db_default=0, default=0)),
                ('unconfirmed', models.IntegerField(db_default=0, default=0)),
                ('cancelled', models.IntegerField(db_default=0, default=0)),
                ('dry_runs', models.IntegerField(db_default=0, default=0)),
            ],
            options={
                'verbose_name': 'tally',
                'verbose_name_plural': 'tallies',
                'default_permissions': (),
            },
        ),
        migrations.RemoveConstraint(
            model_name='mailingattempt',
            name='attempt_one_at_a_time',
        ),
        migrations.AddField(
            model_name='mailing',
            name='version',
            field=models.PositiveIntegerField(db_default=1, default=1, editable=False, verbose_name='version'),
        ),
        migrations.AddField(
            model_name='mailingattempt',
            name='held_until',
            field=models.DateTimeField(help_text='No letter leaves before: until then, a launch can be undone.', null=True, verbose_name='held until'),
        ),
        migrations.AddField(
            model_name='mailingattempt',
            name='test',
            field=models.BooleanField(db_default=False, default=False, help_text='One letter to an address that was typed in.', verbose_name='test'),
        ),
        migrations.AddField(
            model_name='message',
            name='version',
            field=models.PositiveIntegerField(db_default=1, default=1, editable=False, verbose_name='version'),
        ),
        migrations.AddField(
            model_name='recipient',
            name='version',
            field=models.PositiveIntegerField(db_default=1, default=1, editable=False, verbose_name='version'),
        ),
        migrations.AddConstraint(
            model_name='mailingattempt',
            constraint=models.UniqueConstraint(condition=models.Q(('finished_at', None), ('test', False)), fields=('mailing', 'dry_run'), name='attempt_one_at_a_time'),
        ),
        migrations.AddIndex(
            model_name='mailingattempt',
            index=models.Index(condition=models.Q(('finished_at', None)), fields=['mailing'], name='attempt_unfinished'),
        ),
        migrations.AddField(
            model_name='tally',
            name='attempt',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tallies', to='campaigns.mailingattempt'),
        ),
        migrations.AddConstraint(
            model_name='tally',
            constraint=models.UniqueConstraint(fields=('attempt', 'minute'), name='tally_once_a_minute'),
        ),
        # Room on the page for the new versions of a row that changes several times a second.
        migrations.RunSQL("ALTER TABLE campaigns_tally SET (fillfactor = 20)", migrations.RunSQL.noop),
        # What was sent before there was a tally.
        migrations.RunSQL(
            """
            INSERT INTO campaigns_tally (attempt_id, minute, sent, errors, skipped, unconfirmed, cancelled, dry_runs)
            SELECT attempt_id, date_trunc('minute', settled_at),
                   count(*) FILTER (WHERE status = 3), count(*) FILTER (WHERE status = 4),
                   count(*) FILTER (WHERE status = 5), count(*) FILTER (WHERE status = 6),
                   count(*) FILTER (WHERE status = 8), count(*) FILTER (WHERE status = 7)
            FROM campaigns_mailinglog WHERE settled_at IS NOT NULL GROUP BY 1, 2
            """,
            migrations.RunSQL.noop,
            elidable=True,
        ),
    ]
