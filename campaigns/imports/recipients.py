"""Recipients as django-import-export knows them, for its pages, addresses and permissions.

Neither its import nor its export is used: both want the whole file in memory and take one row at a time, the import
100 times as long and the export ten times. work.py and export.py do it instead.
"""

from import_export import resources

from campaigns.models import Recipient

COLUMNS = ("email", "full_name", "comment", "attributes")


class RecipientResource(resources.ModelResource):
    """What an export holds; importing it again changes nothing."""

    class Meta:
        model = Recipient
        fields = COLUMNS
        export_order = COLUMNS
