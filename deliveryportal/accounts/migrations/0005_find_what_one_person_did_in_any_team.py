"""Django admin reads the audit log by person alone: it went through all of it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_let_managers_want_a_digest'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['actor', '-id'], name='accounts_audit_anywhere'),
        ),
    ]
