from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0032_order_ids_by_time'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='hold',
            options={'verbose_name': 'pause'},
        ),
    ]
