from django.db import migrations, models

import conversations.models.sought


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0007_copy_for_lists'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='delivery',
            name='conv_delivery_sender',
        ),
        migrations.RemoveIndex(
            model_name='delivery',
            name='conv_delivery_team',
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('archived_at', None), ('state__in', ('queued', 'claimed', 'handing_over', 'delayed'))), fields=['team', 'state_since'], name='conv_pending_team'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('archived_at', None), ('state__in', ('queued', 'claimed', 'handing_over', 'delayed'))), fields=['sender', 'state_since'], name='conv_pending_sender'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('archived_at', None), ('state__in', ('failed', 'bounced', 'complained', 'unconfirmed'))), fields=['team', 'state_since'], name='conv_failed_team'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('archived_at', None), ('state__in', ('failed', 'bounced', 'complained', 'unconfirmed'))), fields=['sender', 'state_since'], name='conv_failed_sender'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('archived_at', None), ('state__in', ('failed', 'bounced', 'complained', 'unconfirmed'))), fields=['team', 'reason', 'state_since'], name='conv_failed_reason'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('archived_at', None), ('state__in', ['complained', 'unconfirmed'])), fields=['team', 'state', 'state_since'], name='conv_failed_rare'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(models.F('team'), conversations.models.sought.Hour('state_since'), condition=models.Q(('archived_at', None), ('state', 'accepted'), ('tracked', True)), name='conv_delivered_team'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(models.F('sender'), conversations.models.sought.Day('state_since'), condition=models.Q(('archived_at', None), ('state', 'accepted'), ('tracked', True)), name='conv_delivered_sender'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(models.F('team'), conversations.models.sought.Hour('state_since'), condition=models.Q(('archived_at', None), ('state', 'accepted'), ('tracked', False)), name='conv_handed_over_team'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(models.F('sender'), conversations.models.sought.Day('state_since'), condition=models.Q(('archived_at', None), ('state', 'accepted'), ('tracked', False)), name='conv_handed_over_sender'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('archived_at__isnull', False)), fields=['team', 'state_since'], name='conv_archived_team'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('archived_at__isnull', False)), fields=['sender', 'state_since'], name='conv_archived_sender'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('archived_at', None), ('state__in', ['failed', 'bounced', 'complained', 'unconfirmed']), ('triage__in', ['waiting', 'lost'])), fields=['team', 'triage', 'state_since'], name='conv_failed_triaged'),
        ),
    ]
