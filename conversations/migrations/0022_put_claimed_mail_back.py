from django.db import migrations


def put_back(apps, schema_editor):
    """Nothing of what is merely claimed was sent, and nobody claims like that any more."""
    deliveries = apps.get_model("conversations", "Delivery").objects
    deliveries.filter(state="claimed").update(state="queued", lease="", lease_until=None)


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0021_read_words_of_servers_without_return_paths'),
    ]

    operations = [
        migrations.RunPython(put_back, migrations.RunPython.noop),
    ]
