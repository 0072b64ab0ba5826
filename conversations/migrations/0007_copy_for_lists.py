from django.db import migrations, models
from django.db.models import OuterRef, Subquery

from channels.transports import all_transports



def copy_for_lists(apps, schema_editor):
    """Give the deliveries there are what new ones copy when they are made."""
    Delivery = apps.get_model("conversations", "Delivery")
    Message = apps.get_model("conversations", "Message")
    Channel = apps.get_model("channels", "Channel")
    message = Message.objects.filter(pk=OuterRef("message"))
    Delivery.objects.update(
        subject=Subquery(message.values("subject")),
        from_address=Subquery(message.values("from_address")),
        archived_at=Subquery(message.values("archived_at")),
        channel_kind=Subquery(
            Channel.objects.filter(pk=OuterRef("channel")).values("kind")
        ),
    )
    tracked = [
        kind
        for kind, transport in all_transports().items()
        if transport.traits.records_bounces
    ]
    Delivery.objects.filter(channel_kind__in=tracked).update(tracked=True)


def put_back(apps, schema_editor):
    Message = apps.get_model("conversations", "Message")
    Delivery = apps.get_model("conversations", "Delivery")
    archived = Delivery.objects.filter(message=OuterRef("pk"))
    Message.objects.update(archived_at=Subquery(archived.values("archived_at")[:1]))


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0006_note_delays'),
    ]

    operations = [
        migrations.AddField(
            model_name='delivery',
            name='archived_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='delivery',
            name='channel_kind',
            field=models.CharField(blank=True, editable=False, max_length=30),
        ),
        migrations.AddField(
            model_name='delivery',
            name='from_address',
            field=models.EmailField(blank=True, editable=False, max_length=254),
        ),
        migrations.AddField(
            model_name='delivery',
            name='subject',
            field=models.CharField(blank=True, editable=False, max_length=500),
        ),
        migrations.AddField(
            model_name='delivery',
            name='tracked',
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.RunPython(copy_for_lists, put_back),
        migrations.RemoveField(
            model_name='message',
            name='archived_at',
        ),
    ]
