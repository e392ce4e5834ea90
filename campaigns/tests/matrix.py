"""What every address of the admin answers to everybody: the one table that the tests of test_admin_pages.py hold to.

A block is for the pages that it begins with, by the names of their addresses; `…_old` is what Django has at
`<object>/`. The objects are the owner's. The people, from left to right:

    owner      whose objects they are
    view       a colleague; mailing, message and recipient are shared to view
    change     a colleague; all three are shared to change
    send       a colleague; the mailing is shared to send (nothing else can be)
    group      a colleague; all three are shared to view with a group
    stranger   an operator without a share
    manager, superuser
    staff      may log in, and has no permission
    anonymous  "in" is: sent to the login

`get` and `empty` are a GET and a POST of nothing; `form` is a POST of what matrix_bodies.py fills in. 404: whoever may
not see the object; 403: whoever may see it and not do that, or may not open any page of that kind.
"""

from typing import Literal

type Way = Literal["get", "empty", "form"]

TABLE = """
#           owner view change send group stranger manager superuser staff anonymous

accounts_user_add accounts_user_change auth_group_add auth_group_change auth_group_changelist
auth_group_delete auth_user_password_change
    get     403  403    403  403   403      403     403       200   403        in
    empty   403  403    403  403   403      403     403       200   403        in
    form    403  403    403  403   403      403     403       302   403        in

accounts_user_changelist accounts_user_delete django_apscheduler_djangojob_changelist
django_apscheduler_djangojobexecution_changelist procrastinate_procrastinatejob_changelist
procrastinate_procrastinateworker_changelist
    get     403  403    403  403   403      403     403       200   403        in
    empty   403  403    403  403   403      403     403       200   403        in
    form    403  403    403  403   403      403     403       200   403        in

accounts_user_history auth_group_history django_apscheduler_djangojob_history
django_apscheduler_djangojobexecution_history procrastinate_procrastinatejob_history
procrastinate_procrastinateworker_history
    get     404  404    404  404   404      404     404       200   404        in
    empty   404  404    404  404   404      404     404       200   404        in

accounts_user_old auth_group_old campaigns_bulkjob_old campaigns_domainslowdown_old campaigns_importjob_old
campaigns_mailing_old
campaigns_mailingattempt_old campaigns_mailinglog_old campaigns_message_old campaigns_recipient_old
campaigns_recipientlist_old campaigns_sendinglimit_old campaigns_sendingstop_old campaigns_suppression_old
django_apscheduler_djangojob_old
django_apscheduler_djangojobexecution_old procrastinate_procrastinatejob_old
procrastinate_procrastinateworker_old
    get     302  302    302  302   302      302     302       302   302        in
    empty   302  302    302  302   302      302     302       302   302        in

app_list
    get     200  200    200  200   200      200     200       200   404        in
    empty   200  200    200  200   200      200     200       200   404        in

autocomplete
    get     403  403    403  403   403      403     403       403   403        in
    empty   405  405    405  405   405      405     405       405   405        in

campaigns_bulkjob_add campaigns_domainslowdown_add campaigns_importjob_add campaigns_mailingattempt_add
campaigns_mailinglog_add
campaigns_sendingstop_add django_apscheduler_djangojob_add django_apscheduler_djangojobexecution_add
procrastinate_procrastinatejob_add procrastinate_procrastinateworker_add
    get     403  403    403  403   403      403     403       403   403        in
    empty   403  403    403  403   403      403     403       403   403        in

campaigns_domainslowdown_change campaigns_sendingstop_change
    get     403  403    403  403   403      403     200       200   403        in
    empty   403  403    403  403   403      403     403       403   403        in

campaigns_domainslowdown_changelist campaigns_sendinglimit_add campaigns_sendinglimit_change
campaigns_sendinglimit_changelist campaigns_sendinglimit_delete stop_sending
    get     403  403    403  403   403      403     200       200   403        in
    empty   403  403    403  403   403      403     200       200   403        in
    form    403  403    403  403   403      403     302       302   403        in

campaigns_domainslowdown_delete campaigns_sendingstop_delete django_apscheduler_djangojob_delete
django_apscheduler_djangojobexecution_delete procrastinate_procrastinatejob_delete
procrastinate_procrastinateworker_delete
    get     403  403    403  403   403      403     403       403   403        in
    empty   403  403    403  403   403      403     403       403   403        in
    form    403  403    403  403   403      403     403       403   403        in

campaigns_domainslowdown_history campaigns_sendinglimit_history campaigns_sendingstop_history
    get     404  404    404  404   404      404     200       200   404        in
    empty   404  404    404  404   404      404     200       200   404        in

campaigns_bulkjob_cancel campaigns_importjob_cancel campaigns_importjob_confirm
    get     405  405    405  405   405      405     405       405   405        in
    empty   302  404    404  404   404      404     404       302   404        in

campaigns_bulkjob_change campaigns_importjob_change
    get     200  404    404  404   404      404     200       200   404        in
    empty   405  405    405  405   405      405     405       405   405        in

campaigns_bulkjob_changelist campaigns_importjob_changelist campaigns_mailingattempt_changelist
campaigns_mailinglog_changelist campaigns_recipient_export
    get     200  200    200  200   200      200     200       200   403        in
    empty   200  200    200  200   200      200     200       200   403        in
    form    200  200    200  200   200      200     200       200   403        in

campaigns_importjob_choose campaigns_importjob_read
    get     405  405    405  405   405      405     405       405   405        in
    empty   200  404    404  404   404      404     404       200   404        in
    form    302  404    404  404   404      404     404       302   404        in

campaigns_bulkjob_delete campaigns_importjob_delete
    get     403  404    404  404   404      404     403       403   404        in
    empty   403  404    404  404   404      404     403       403   404        in
    form    403  404    404  404   404      404     403       403   404        in

campaigns_bulkjob_history campaigns_bulkjob_progress campaigns_importjob_history campaigns_importjob_progress
campaigns_importjob_refused
    get     200  404    404  404   404      404     200       200   404        in
    empty   200  404    404  404   404      404     200       200   404        in

campaigns_mailing_add
    get     200  200    200  200   200      200     200       200   403        in
    empty   200  200    200  200   200      200     200       200   403        in
    form    302  302    302  200   302      200     200       302   403        in

campaigns_mailing_attempts campaigns_mailing_history campaigns_mailing_preflight campaigns_mailing_preview
campaigns_mailing_preview_html campaigns_mailing_progress campaigns_mailing_timeline campaigns_mailing_trouble
campaigns_mailingattempt_as_sent campaigns_mailingattempt_history campaigns_mailingattempt_progress
campaigns_mailingattempt_trouble campaigns_mailinglog_history
    get     200  200    200  200   200      404     200       200   404        in
    empty   200  200    200  200   200      404     200       200   404        in

campaigns_mailing_cancel campaigns_mailing_confirm_unconfirmed campaigns_mailing_dry_run
campaigns_mailing_pause campaigns_mailing_resend_unconfirmed campaigns_mailing_resume
campaigns_mailing_retry_failed campaigns_mailing_schedule campaigns_mailing_send campaigns_mailing_send_new
campaigns_mailing_unschedule
    get     200  404    404  200   404      404     404       200   404        in
    empty   200  404    404  200   404      404     404       200   404        in
    form    302  404    404  302   404      404     404       302   404        in

campaigns_mailing_change
    get     200  200    200  200   200      404     200       200   404        in
    empty   200  403    200  403   403      404     403       200   404        in
    form    302  403    302  403   403      404     403       302   404        in

campaigns_mailing_changelist
    get     200  200    200  200   200      200     200       200   403        in
    empty   200  200    200  200   200      200     200       200   403        in
    form    200  200    200  200   200      302     200       200   403        in

campaigns_mailing_clone
    get     200  200    200  200   200      404     200       200   404        in
    empty   200  200    200  200   200      404     200       200   404        in
    form    302  302    302  302   302      404     302       302   404        in

campaigns_mailing_count
    get     405  405    405  405   405      405     405       405   405        in
    empty   200  200    200  200   200      200     200       200   403        in

campaigns_mailing_delete
    get     200  403    403  403   403      404     403       200   404        in
    empty   200  403    403  403   403      404     403       200   404        in
    form    200  403    403  403   403      404     403       200   404        in

campaigns_mailing_disable campaigns_mailing_enable
    get     404  404    404  404   404      404     200       200   404        in
    empty   404  404    404  404   404      404     200       200   404        in
    form    404  404    404  404   404      404     302       302   404        in

campaigns_mailing_preflight_export catch_all view_on_site
    get     404  404    404  404   404      404     404       404   404        in
    empty   404  404    404  404   404      404     404       404   404        in

campaigns_mailing_report
    get     200  200    200  200   200      404     200       200   404        in
    empty   405  405    405  405   405      404     405       405   404        in

campaigns_mailing_running
    get     200  200    200  200   200      200     200       200   403        in
    empty   200  200    200  200   200      200     200       200   403        in

campaigns_mailing_share campaigns_message_share campaigns_recipient_share campaigns_recipientlist_share
    get     200  404    404  404   404      404     404       200   404        in
    empty   200  404    404  404   404      404     404       200   404        in
    form    302  404    404  404   404      404     404       302   404        in

campaigns_mailing_test_send
    get     200  404    404  200   404      404     404       200   404        in
    empty   200  404    404  200   404      404     404       200   404        in
    form    302  404    404  200   404      404     404       302   404        in

campaigns_mailing_undo
    get     405  405    405  405   405      405     405       405   405        in
    empty   302  404    404  302   404      404     404       302   404        in

campaigns_mailingattempt_as_sent_html campaigns_message_history campaigns_message_preview
campaigns_message_preview_html campaigns_recipient_history campaigns_recipientlist_history
    get     200  200    200  404   200      404     200       200   404        in
    empty   200  200    200  404   200      404     200       200   404        in

campaigns_mailingattempt_change campaigns_mailinglog_change
    get     200  200    200  200   200      404     200       200   404        in
    empty   403  403    403  403   403      404     403       403   404        in

campaigns_mailingattempt_delete campaigns_mailinglog_delete
    get     403  403    403  403   403      404     403       403   404        in
    empty   403  403    403  403   403      404     403       403   404        in
    form    403  403    403  403   403      404     403       403   404        in

campaigns_message_add campaigns_recipient_add campaigns_recipient_import campaigns_recipientlist_add
campaigns_suppression_add
    get     200  200    200  200   200      200     200       200   403        in
    empty   200  200    200  200   200      200     200       200   403        in
    form    302  302    302  302   302      302     302       302   403        in

campaigns_message_change campaigns_recipient_change campaigns_recipientlist_change
    get     200  200    200  404   200      404     200       200   404        in
    empty   200  403    200  404   403      404     403       200   404        in
    form    302  403    302  404   403      404     403       302   404        in

campaigns_message_changelist
    get     200  200    200  200   200      200     200       200   403        in
    empty   200  200    200  200   200      200     200       200   403        in
    form    200  200    200  302   200      302     200       200   403        in

campaigns_message_clone
    get     200  200    200  404   200      404     200       200   404        in
    empty   200  200    200  404   200      404     200       200   404        in
    form    302  302    302  404   302      404     302       302   404        in

campaigns_message_delete
    get     200  403    403  404   403      404     403       200   404        in
    empty   200  403    403  404   403      404     403       200   404        in
    form    200  403    403  404   403      404     403       200   404        in

campaigns_recipient_changelist
    get     200  200    200  200   200      200     200       200   403        in
    empty   200  200    200  200   200      200     200       200   403        in
    form    302  302    302  302   302      302     302       302   403        in

campaigns_recipient_delete campaigns_recipientlist_delete
    get     200  403    403  404   403      404     403       200   404        in
    empty   200  403    403  404   403      404     403       200   404        in
    form    302  403    403  404   403      404     403       302   404        in

campaigns_recipientlist_changelist
    get     200  200    200  200   200      200     200       200   403        in
    empty   200  200    200  200   200      200     200       200   403        in
    form    302  403    403  302   403      302     403       302   403        in

campaigns_suppression_change
    get     200  404    404  404   404      404     200       200   404        in
    empty   403  404    404  404   404      404     403       403   404        in

campaigns_suppression_changelist
    get     200  200    200  200   200      200     200       200   403        in
    empty   200  200    200  200   200      200     200       200   403        in
    form    302  302    302  302   302      302     302       302   403        in

campaigns_suppression_delete
    get     200  404    404  404   404      404     200       200   404        in
    empty   200  404    404  404   404      404     200       200   404        in
    form    302  404    404  404   404      404     302       302   404        in

campaigns_suppression_history
    get     200  404    404  404   404      404     200       200   404        in
    empty   200  404    404  404   404      404     200       200   404        in

campaigns_sendingstop_changelist
    get     403  403    403  403   403      403     200       200   403        in
    empty   403  403    403  403   403      403     200       200   403        in
    form    403  403    403  403   403      403     200       200   403        in

django_apscheduler_djangojob_change django_apscheduler_djangojobexecution_change
procrastinate_procrastinatejob_change procrastinate_procrastinateworker_change
    get     403  403    403  403   403      403     403       200   403        in
    empty   403  403    403  403   403      403     403       403   403        in

index search
    get     200  200    200  200   200      200     200       200   200        in
    empty   200  200    200  200   200      200     200       200   200        in

jsi18n password_change_done
    get     200  200    200  200   200      200     200       200   200        in
    empty   405  405    405  405   405      405     405       405   405        in

login
    get     302  302    302  302   302      302     302       302   302       200
    empty   200  200    200  200   200      200     200       200   200       200
    form    200  200    200  200   200      200     200       200   200       200

logout
    get     405  405    405  405   405      405     405       405   405       302
    empty   200  200    200  200   200      200     200       200   200       302

password_change
    get     200  200    200  200   200      200     200       200   200        in
    empty   200  200    200  200   200      200     200       200   200        in
    form    200  200    200  200   200      200     200       200   200        in

reports_mine reports_statistics
    get     200  200    200  200   200      200     200       200   403        in
    empty   405  405    405  405   405      405     405       405   403        in

profile
    get     200  200    200  200   200      200     200       200   200        in
    empty   200  200    200  200   200      200     200       200   200        in
    form    302  302    302  302   302      302     302       302   302        in
"""

type Answers = tuple[str, ...]


def table() -> dict[tuple[str, Way], Answers]:
    """The answers by page and way."""
    return {
        (page, way): answers
        for block in TABLE.split("\n\n")
        for ways in [_ways(block)]
        for page in _pages(block)
        for way, answers in ways.items()
    }


def _lines(block: str) -> list[str]:
    return [line for line in block.splitlines() if line.strip() and not line.startswith("#")]


def _pages(block: str) -> list[str]:
    return [page for line in _lines(block) if not line.startswith(" ") for page in line.split()]


def _ways(block: str) -> dict[Way, Answers]:
    split = [line.split() for line in _lines(block) if line.startswith(" ")]
    return {way: tuple(answers) for way, *answers in split}  # type: ignore[misc]
