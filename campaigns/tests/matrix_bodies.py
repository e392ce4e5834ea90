"""What somebody posts who fills in the form of a page, by the name of the page."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from campaigns.admin.verbs.buttons import VERBS
from campaigns.tests.doors import House

PASSWORD = "a long and winding passphrase"
NEW_PASSWORDS = {"new_password1": PASSWORD, "new_password2": PASSWORD}


def bodies(house: House) -> dict[str, dict[str, Any]]:
    """Plausible bodies; a page that is not among them has no form."""
    made, keys = house.made, house.keys
    recipient = {"email": "new@example.com", "full_name": "New", "comment": ""}
    message = {"subject": "New", "body": "Text", "body_html": ""}
    mailing = {
        "name": "New",
        "message": made.message.pk,
        "start_at_0": "",
        "start_at_1": "",
        "end_at_0": "",
        "end_at_1": "",
        "repetition": "once",
    }
    limit = {"maximum": 5, "unit": "60", "domain": "b.example"}
    shown = {"version": "1", "opened": "0"}
    confirmed = {"_form_submitted": "True"}
    share = {"people": [house.people["stranger"].pk], "may": ["view"]}  # type: ignore[union-attr]
    person = {"email": "new@office.example", "full_name": "New", "password1": PASSWORD, "password2": PASSWORD}
    changed = {"email": "new@office.example", "full_name": "New", "is_active": "on", "is_staff": "on"}
    file = SimpleUploadedFile("people.csv", b"email\nnew@example.com\n")
    return {
        "login": {"username": made.owner.email, "password": "wrong"},
        "password_change": {"old_password": "wrong", **NEW_PASSWORDS},
        "profile": {"full_name": "New", "language": "en", "time_zone": "UTC"},
        "stop_sending": {"reason": "Prices"},
        "auth_user_password_change": {"password1": PASSWORD, "password2": PASSWORD},
        "accounts_user_add": person,
        "accounts_user_change": {**changed, "language": "en", "time_zone": "UTC"},
        "auth_group_add": {"name": "New"},
        "auth_group_change": {"name": "New"},
        "campaigns_sendinglimit_add": limit,
        "campaigns_sendinglimit_change": limit,
        "campaigns_recipient_add": recipient,
        "campaigns_recipient_change": recipient | shown,
        "campaigns_recipientlist_add": {"name": "New"},
        "campaigns_recipientlist_change": {"name": "New"} | shown,
        "campaigns_suppression_add": {"addresses": "gone@example.com", "reason": "other"},
        "campaigns_message_add": message,
        "campaigns_message_change": message | shown,
        "campaigns_mailing_add": mailing,
        "campaigns_mailing_change": mailing | shown,
        "campaigns_recipient_import": {"import_file": file},
        "campaigns_importjob_choose": {"mode": "add", "column-0": "email", "column-1": "full_name"},
        "campaigns_importjob_read": {"encoding": "utf-8", "delimiter": ","},
        "campaigns_mailing_test_send": {**confirmed, "address": "me@office.example", "recipient": ""},
        "campaigns_recipient_export": {"format": "0", "resource": ""},
        **{f"campaigns_{noun}_share": share for noun in ("recipient", "recipientlist", "message", "mailing")},
        **{f"campaigns_{noun}_clone": confirmed for noun in ("message", "mailing")},
        **{f"campaigns_mailing_{verb.name}": confirmed for verb in VERBS},
        **{f"{path.strip('/').replace('/', '_')}_delete": {"post": "yes"} for path in keys},
        **{f"{path.strip('/').replace('/', '_')}_changelist": _to_delete(key) for path, key in keys.items()},
    }


def _to_delete(key: Any) -> dict[str, Any]:
    # Django's own asks whether there is a `post`, that of the recipients whether it is `confirmed`.
    return {"action": "delete_selected", "_selected_action": [key], "post": "yes", "confirmed": "yes"}
