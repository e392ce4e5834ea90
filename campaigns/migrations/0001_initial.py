import campaigns.placeholders
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.text
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Mailing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('status', models.CharField(choices=[('draft', 'Draft'), ('scheduled', 'Scheduled'), ('running', 'Running'), ('paused', 'Paused'), ('finished', 'Finished'), ('disabled', 'Disabled')], default='draft', editable=False, max_length=10, verbose_name='status')),
                ('start_at', models.DateTimeField(blank=True, help_text='When it is sent by itself, once it has been scheduled.', null=True, verbose_name='start')),
                ('end_at', models.DateTimeField(blank=True, help_text='Nothing is started after this.', null=True, verbose_name='end')),
                ('repetition', models.CharField(choices=[('once', 'Once'), ('daily', 'Every day'), ('weekly', 'Every week'), ('monthly', 'Every month')], default='once', max_length=10, verbose_name='repetition')),
                ('next_run_at', models.DateTimeField(editable=False, null=True, verbose_name='next run')),
                ('last_sent_at', models.DateTimeField(editable=False, null=True, verbose_name='last sent')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='mailings', to=settings.AUTH_USER_MODEL, verbose_name='owner')),
            ],
            options={
                'verbose_name': 'mailing',
                'verbose_name_plural': 'mailings',
                'ordering': ['-id'],
                'permissions': [('view_all_mailings', "Can view everybody's mailings"), ('send_mailing', 'Can send the mailing'), ('disable_mailing', 'Can disable any mailing')],
            },
        ),
        migrations.CreateModel(
            name='MailingAttempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name='key')),
                ('dry_run', models.BooleanField(default=False, verbose_name='dry run')),
                ('request_id', models.CharField(default='-', max_length=64, verbose_name='request id')),
                ('status', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('paused', 'Paused'), ('success', 'Success'), ('partial', 'Partial'), ('fail', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10, verbose_name='status')),
                ('server_response', models.TextField(blank=True, verbose_name='reason')),
                ('from_email', models.CharField(max_length=320, verbose_name='sender')),
                ('subject', models.CharField(max_length=255, verbose_name='subject')),
                ('body', models.TextField(blank=True, verbose_name='text')),
                ('body_html', models.TextField(blank=True, verbose_name='HTML')),
                ('total', models.PositiveIntegerField(default=0, verbose_name='recipients')),
                ('sent', models.PositiveIntegerField(default=0, verbose_name='sent')),
                ('errors', models.PositiveIntegerField(default=0, verbose_name='errors')),
                ('skipped', models.PositiveIntegerField(default=0, verbose_name='skipped')),
                ('unconfirmed', models.PositiveIntegerField(default=0, verbose_name='unconfirmed')),
                ('cancelled', models.PositiveIntegerField(default=0, verbose_name='cancelled')),
                ('dry_runs', models.PositiveIntegerField(default=0, verbose_name='composed in a dry run')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='launched')),
                ('started_at', models.DateTimeField(null=True, verbose_name='started')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('mailing', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='attempts', to='campaigns.mailing', verbose_name='mailing')),
                ('triggered_by', models.ForeignKey(help_text='Nobody: the scheduler.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='launched by')),
            ],
            options={
                'verbose_name': 'attempt',
                'verbose_name_plural': 'attempts',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Chunk',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_id', models.BigIntegerField()),
                ('last_id', models.BigIntegerField()),
                ('lease', models.PositiveIntegerField(default=0)),
                ('closed_at', models.DateTimeField(null=True)),
                ('attempt', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='chunks', to='campaigns.mailingattempt')),
            ],
            options={
                'verbose_name': 'chunk',
                'verbose_name_plural': 'chunks',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='MailingGroupShare',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='group_shares', to='campaigns.mailing')),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
            ],
            options={
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='MailingUserShare',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='user_shares', to='campaigns.mailing')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(max_length=255, validators=[django.core.validators.RegexValidator('[\\r\\n]', 'This must be a single line.', inverse_match=True), campaigns.placeholders.validate], verbose_name='subject')),
                ('body', models.TextField(blank=True, help_text='Personal parts: {{ full_name }}, {{ email }}, {{ comment }}, {{ attributes.city|default:"your city" }}.', validators=[campaigns.placeholders.validate], verbose_name='text')),
                ('body_html', models.TextField(blank=True, help_text='Shown by mail programs instead of the text. The same placeholders work here.', validators=[campaigns.placeholders.validate], verbose_name='HTML')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='messages', to=settings.AUTH_USER_MODEL, verbose_name='owner')),
            ],
            options={
                'verbose_name': 'message',
                'verbose_name_plural': 'messages',
                'ordering': ['-id'],
                'permissions': [('view_all_messages', "Can view everybody's messages")],
            },
        ),
        migrations.AddField(
            model_name='mailing',
            name='message',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='mailings', to='campaigns.message', verbose_name='message'),
        ),
        migrations.CreateModel(
            name='MessageGroupShare',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='group_shares', to='campaigns.message')),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
            ],
            options={
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='MessageUserShare',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='user_shares', to='campaigns.message')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Recipient',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.EmailField(max_length=254, verbose_name='e-mail')),
                ('full_name', models.CharField(blank=True, max_length=200, verbose_name='full name')),
                ('comment', models.TextField(blank=True, verbose_name='comment')),
                ('attributes', models.JSONField(blank=True, default=dict, help_text='Extra columns of the import, usable in messages as {{ attributes.city }}.', verbose_name='attributes')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='recipients', to=settings.AUTH_USER_MODEL, verbose_name='owner')),
            ],
            options={
                'verbose_name': 'recipient',
                'verbose_name_plural': 'recipients',
                'ordering': ['-id'],
                'permissions': [('view_all_recipients', "Can view everybody's recipients")],
            },
        ),
        migrations.CreateModel(
            name='MailingLog',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('email', models.CharField(max_length=254, verbose_name='e-mail')),
                ('status', models.PositiveSmallIntegerField(choices=[(0, 'Pending'), (1, 'In flight'), (2, 'Deferred'), (3, 'Sent'), (4, 'Error'), (5, 'Skipped'), (6, 'Unconfirmed'), (7, 'Dry run'), (8, 'Cancelled')], default=0, verbose_name='status')),
                ('attention', models.PositiveSmallIntegerField(choices=[(0, 'Pending'), (1, 'In flight'), (2, 'Deferred'), (3, 'Sent'), (4, 'Error'), (5, 'Skipped'), (6, 'Unconfirmed'), (7, 'Dry run'), (8, 'Cancelled')], editable=False, null=True)),
                ('detail', models.TextField(blank=True, verbose_name='reply')),
                ('tries', models.PositiveSmallIntegerField(default=0, verbose_name='tries')),
                ('retry_at', models.DateTimeField(null=True, verbose_name='next try')),
                ('settled_at', models.DateTimeField(null=True, verbose_name='settled')),
                ('attempt', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='logs', to='campaigns.mailingattempt', verbose_name='attempt')),
                ('recipient', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='campaigns.recipient', verbose_name='recipient')),
            ],
            options={
                'verbose_name': 'log entry',
                'verbose_name_plural': 'log entries',
                'ordering': ['id'],
            },
        ),
        migrations.AddField(
            model_name='mailing',
            name='recipients',
            field=models.ManyToManyField(blank=True, related_name='mailings', to='campaigns.recipient', verbose_name='recipients'),
        ),
        migrations.CreateModel(
            name='RecipientGroupShare',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='group_shares', to='campaigns.recipient')),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.group')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
            ],
            options={
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='RecipientUserShare',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content_object', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='user_shares', to='campaigns.recipient')),
                ('permission', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.AddConstraint(
            model_name='mailingattempt',
            constraint=models.UniqueConstraint(condition=models.Q(('finished_at', None)), fields=('mailing', 'dry_run'), name='attempt_one_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='mailingattempt',
            constraint=models.CheckConstraint(condition=models.Q(('total__gte', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('sent'), '+', models.F('errors')), '+', models.F('skipped')), '+', models.F('unconfirmed')), '+', models.F('cancelled')), '+', models.F('dry_runs')))), name='attempt_counts_no_row_twice'),
        ),
        migrations.AddIndex(
            model_name='chunk',
            index=models.Index(condition=models.Q(('closed_at', None)), fields=['attempt'], name='chunk_open'),
        ),
        migrations.AddConstraint(
            model_name='chunk',
            constraint=models.CheckConstraint(condition=models.Q(('first_id__lte', models.F('last_id'))), name='chunk_is_a_range'),
        ),
        migrations.AlterUniqueTogether(
            name='mailinggroupshare',
            unique_together={('group', 'permission', 'content_object')},
        ),
        migrations.AlterUniqueTogether(
            name='mailingusershare',
            unique_together={('user', 'permission', 'content_object')},
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(fields=['owner', '-id'], name='message_list'),
        ),
        migrations.AddConstraint(
            model_name='message',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('body', ''), _negated=True), models.Q(('body_html', ''), _negated=True), _connector='OR'), name='message_is_not_empty'),
        ),
        migrations.AlterUniqueTogether(
            name='messagegroupshare',
            unique_together={('group', 'permission', 'content_object')},
        ),
        migrations.AlterUniqueTogether(
            name='messageusershare',
            unique_together={('user', 'permission', 'content_object')},
        ),
        migrations.AddIndex(
            model_name='recipient',
            index=models.Index(fields=['owner', '-id'], name='recipient_list'),
        ),
        migrations.AddConstraint(
            model_name='recipient',
            constraint=models.UniqueConstraint(models.F('owner'), django.db.models.functions.text.Lower('email'), name='recipient_once_per_owner', violation_error_message='There is a recipient with this e-mail already.'),
        ),
        migrations.AddIndex(
            model_name='mailinglog',
            index=models.Index(condition=models.Q(('attention__isnull', False)), fields=['attempt', 'attention'], name='log_attention'),
        ),
        migrations.AddConstraint(
            model_name='mailinglog',
            constraint=models.UniqueConstraint(fields=('attempt', 'recipient'), name='log_one_row_per_recipient'),
        ),
        migrations.AddConstraint(
            model_name='mailinglog',
            constraint=models.CheckConstraint(condition=models.Q(('attention', None), ('attention', models.F('status')), _connector='OR'), name='log_attention_repeats_status'),
        ),
        migrations.AddIndex(
            model_name='mailing',
            index=models.Index(fields=['owner', '-id'], name='mailing_list'),
        ),
        migrations.AddIndex(
            model_name='mailing',
            index=models.Index(condition=models.Q(('status', 'scheduled')), fields=['next_run_at'], name='mailing_due'),
        ),
        migrations.AddConstraint(
            model_name='mailing',
            constraint=models.CheckConstraint(condition=models.Q(('start_at', None), ('end_at', None), ('end_at__gt', models.F('start_at')), _connector='OR'), name='mailing_ends_after_start', violation_error_message='The end must be after the start.'),
        ),
        migrations.AddConstraint(
            model_name='mailing',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'scheduled'), _negated=True), ('next_run_at__isnull', False), _connector='OR'), name='mailing_scheduled_has_next_run'),
        ),
        migrations.AlterUniqueTogether(
            name='recipientgroupshare',
            unique_together={('group', 'permission', 'content_object')},
        ),
        migrations.AlterUniqueTogether(
            name='recipientusershare',
            unique_together={('user', 'permission', 'content_object')},
        ),
        # Room on each page for the new versions of its rows: marks stay HOT updates (99 % at 10 M rows).
        migrations.RunSQL(
            """
            ALTER TABLE campaigns_mailinglog SET (fillfactor = 60);
            ALTER TABLE campaigns_mailingattempt SET (fillfactor = 20);
            ALTER TABLE campaigns_chunk SET (fillfactor = 50);
            """,
            migrations.RunSQL.noop,
        ),
    ]
