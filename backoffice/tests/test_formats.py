from datetime import UTC, datetime

from django.utils.formats import date_format
from django.utils.translation import override


def test_in_english_no_day_is_taken_for_a_month() -> None:
    with override("en"):
        assert date_format(datetime(2026, 11, 3, 14, 5, tzinfo=UTC), "SHORT_DATETIME_FORMAT") == "2026-11-03 14:05"
        assert date_format(datetime(2026, 11, 3, tzinfo=UTC), "SHORT_DATE_FORMAT") == "2026-11-03"
