import campaigns.models.limit
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0002_attempt_expansion'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='DomainSlowdown',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('domain', models.CharField(max_length=253, unique=True, verbose_name='domain')),
                ('until', models.DateTimeField(verbose_name='until')),
                ('step', models.PositiveSmallIntegerField(verbose_name='pauses in a row')),
                ('reason', models.TextField(verbose_name='reply')),
                ('updated_at', models.DateTimeField(verbose_name='since')),
            ],
            options={
                'verbose_name': 'slow-down',
                'verbose_name_plural': 'slow-downs',
                'ordering': ['-until', 'domain'],
                'default_permissions': ('view', 'change'),
                'constraints': [models.CheckConstraint(condition=models.Q(('domain', django.db.models.functions.text.Lower('domain'))), name='slowdown_domain_is_lower_case')],
            },
        ),
        migrations.CreateModel(
            name='SendingLimit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('domain', models.CharField(blank=True, default='', help_text='Empty: all mail together. *: each domain that has no rate of its own, one by one.', max_length=253, validators=[campaigns.models.limit.validate_domain], verbose_name="recipients' domain")),
                ('maximum', models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1)], verbose_name='at the most')),
                ('unit', models.PositiveSmallIntegerField(choices=[(0, 'connections at a time'), (1, 'letters a second'), (60, 'letters a minute'), (3600, 'letters an hour')], default=60, verbose_name='of what')),
            ],
            options={
                'verbose_name': 'sending limit',
                'verbose_name_plural': 'sending limits',
                'ordering': ['domain', 'unit'],
                'constraints': [models.UniqueConstraint(fields=('domain', 'unit'), name='limit_once_per_domain_and_unit', violation_error_message='There is such a limit already: change that one.'), models.CheckConstraint(condition=models.Q(('maximum__gte', 1)), name='limit_lets_something_through'), models.CheckConstraint(condition=models.Q(('unit__in', [0, 1, 60, 3600])), name='limit_unit_is_known'), models.CheckConstraint(condition=models.Q(('domain', django.db.models.functions.text.Lower('domain'))), name='limit_domain_is_lower_case'), models.CheckConstraint(condition=models.Q(models.Q(('unit', 0), _negated=True), ('domain', ''), _connector='OR'), name='limit_of_connections_has_no_domain', violation_error_message='Connections are limited for all mail together: leave the domain empty.')],
            },
        ),
        migrations.CreateModel(
            name='LimitBucket',
            fields=[
                ('pk', models.CompositePrimaryKey('limit_id', 'domain', blank=True, editable=False, primary_key=True, serialize=False)),
                ('domain', models.CharField(blank=True, max_length=253)),
                ('tokens', models.FloatField()),
                ('refilled_at', models.DateTimeField()),
                ('limit', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DB_CASCADE, related_name='buckets', to='campaigns.sendinglimit')),
            ],
            options={
                'verbose_name': 'bucket',
                'verbose_name_plural': 'buckets',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='SendingStop',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('started_at', models.DateTimeField(auto_now_add=True, verbose_name='stopped')),
                ('ended_at', models.DateTimeField(editable=False, null=True, verbose_name='resumed')),
                ('attempts', models.ManyToManyField(editable=False, related_name='+', to='campaigns.mailingattempt')),
                ('ended_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='resumed by')),
                ('started_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='stopped by')),
            ],
            options={
                'verbose_name': 'stop of all sending',
                'verbose_name_plural': 'stops of all sending',
                'ordering': ['-id'],
                'permissions': [('stop_sending', 'Can stop all sending, and resume it')],
                'default_permissions': ('view',),
                'constraints': [models.UniqueConstraint(models.ExpressionWrapper(models.Q(('ended_at', None)), output_field=models.BooleanField()), condition=models.Q(('ended_at', None)), name='stop_one_in_force')],
            },
        ),
        # Room on the page for the new versions of a row that changes several times a second.
        migrations.RunSQL("ALTER TABLE campaigns_limitbucket SET (fillfactor = 50)", migrations.RunSQL.noop),
    ]
