from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0013_recipient_search")]

    operations = [
        migrations.AddField(
            model_name="importjob",
            name="lists",
            field=models.ManyToManyField(
                blank=True, related_name="+", to="campaigns.recipientlist", verbose_name="lists"
            ),
        ),
        migrations.AddField(
            model_name="importjob",
            name="new_list",
            field=models.CharField(blank=True, db_default="", max_length=200, verbose_name="new list"),
        ),
        migrations.AddField(
            model_name="importjob",
            name="takes_out",
            field=models.BooleanField(
                db_default=False, default=False, verbose_name="take out of the lists who is not in the file"
            ),
        ),
        migrations.AddField(
            model_name="importjob",
            name="suppressed",
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name="suppressed"),
        ),
        migrations.AddField(
            model_name="importjob",
            name="joined",
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name="put into lists"),
        ),
        migrations.AddField(
            model_name="importjob",
            name="taken_out",
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name="taken out of lists"),
        ),
    ]
