from typing import Any

from django.db import migrations, models

# What Django's foreign keys hold for the lists of a mailing, these hold for the lists that its conditions name: the one
# who names waits for the one who deletes, and is refused; the other way round likewise.
HOLD_NAMED_LISTS = """
CREATE FUNCTION campaigns_lists_in(conditions jsonb) RETURNS SETOF bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT DISTINCT (one->>'value')::bigint FROM jsonb_array_elements(conditions) one WHERE one->>'field' = 'list'
$$;
CREATE FUNCTION campaigns_name_lists() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM campaigns_recipientlist
    WHERE id IN (SELECT campaigns_lists_in(NEW.conditions)) ORDER BY id FOR KEY SHARE;
    IF EXISTS (
        SELECT FROM campaigns_lists_in(NEW.conditions) named(id)
        WHERE NOT EXISTS (SELECT FROM campaigns_recipientlist there WHERE there.id = named.id)
    ) THEN
        RAISE foreign_key_violation USING MESSAGE = 'a condition names a recipient list that is not there';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION campaigns_keep_named_list() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM campaigns_mailing
        WHERE conditions @> jsonb_build_array(jsonb_build_object('field', 'list', 'value', OLD.id))
    ) THEN
        RAISE foreign_key_violation USING MESSAGE = 'a condition of a mailing names the recipient list';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER campaigns_mailing_names_lists BEFORE INSERT OR UPDATE OF conditions ON campaigns_mailing
    FOR EACH ROW WHEN (NEW.conditions <> '[]') EXECUTE FUNCTION campaigns_name_lists();
CREATE TRIGGER campaigns_recipientlist_named BEFORE DELETE ON campaigns_recipientlist
    FOR EACH ROW EXECUTE FUNCTION campaigns_keep_named_list();
"""
LET_GO = """
DROP TRIGGER campaigns_recipientlist_named ON campaigns_recipientlist;
DROP TRIGGER campaigns_mailing_names_lists ON campaigns_mailing;
DROP FUNCTION campaigns_keep_named_list, campaigns_name_lists, campaigns_lists_in;
"""
NAMES = (
    "SELECT DISTINCT jsonb_object_keys(attributes) FROM campaigns_recipient WHERE jsonb_typeof(attributes) = 'object'"
)
# Where both are there, the one in lower case stays.
LOWER = """
UPDATE campaigns_recipient
SET attributes = jsonb_build_object(%(lower)s::text, attributes -> %(name)s::text) || (attributes - %(name)s::text),
    version = version + 1
WHERE jsonb_typeof(attributes) = 'object' AND attributes ? %(name)s::text
"""


def lower_names(apps: Any, schema_editor: Any) -> None:
    """Names of attributes in lower case, as imports have always written them."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(NAMES)
        for (name,) in cursor.fetchall():
            if name != name.lower():
                cursor.execute(LOWER, {"name": name, "lower": name.lower()})


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0017_ledger_page_room"),
    ]

    operations = [
        migrations.AlterField(
            model_name="bulkjob",
            name="deed",
            field=models.CharField(
                choices=[
                    ("add-to-list", "Add to a list"),
                    ("remove-from-list", "Remove from a list"),
                    ("add-to-mailing", "Add to a mailing"),
                    ("remove-from-mailing", "Remove from a mailing"),
                    ("delete", "Delete"),
                    ("delete-list", "Delete a list"),
                ],
                max_length=19,
                verbose_name="what",
            ),
        ),
        migrations.RunSQL(HOLD_NAMED_LISTS, LET_GO),
        migrations.RunPython(lower_names, migrations.RunPython.noop, elidable=True),
    ]
