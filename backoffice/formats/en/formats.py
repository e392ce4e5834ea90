"""English is not American here: a short date is ISO 8601, as the forms take it, and no day is taken for a month."""

SHORT_DATE_FORMAT = "Y-m-d"
SHORT_DATETIME_FORMAT = "Y-m-d H:i"
