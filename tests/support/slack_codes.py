"""The words with which Slack refuses, by what they mean for a delivery, as its pages have them.

Those of methods: https://docs.slack.dev/reference/methods/chat.postMessage#errors and
https://docs.slack.dev/reference/methods/users.lookupByEmail#errors; those of webhooks:
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
"""


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


THROTTLED = frozenset({"ratelimited", "rate_limited"})
# Another token, or another webhook, is the cure.
OUR_TOKEN = _codes(
    """
    account_inactive invalid_auth invalid_token no_active_hooks no_service no_service_id no_team
    not_allowed_token_type not_authed token_expired token_revoked
    """
)
OUR_ACCOUNT = _codes(
    """
    accesslimited deprecated_endpoint enterprise_is_restricted method_deprecated missing_scope
    org_login_required team_access_not_granted team_added_to_org team_disabled
    two_factor_setup_required unknown_method
    """
)
RECIPIENT = _codes(
    """
    cannot_dm_bot channel_is_archived channel_not_found is_archived not_in_channel
    restricted_action_non_threadable_channel restricted_action_read_only_channel
    restricted_action_thread_locked restricted_action_thread_only_channel team_not_found
    user_disabled user_not_found user_not_visible users_not_found
    """
)
# Refusals of this channel that may as well be of every channel.
RECIPIENT_OR_US = _codes(
    """
    access_denied action_prohibited ekm_access_denied messages_tab_disabled no_permission
    posting_to_general_channel_denied restricted_action
    """
)
CONTENT = _codes(
    """
    as_user_not_supported attachment_payload_limit_exceeded cannot_reply_to_message
    invalid_arg_name invalid_arguments invalid_array_arg invalid_attachments invalid_blocks
    invalid_blocks_format invalid_charset invalid_form_data invalid_json invalid_metadata_format
    invalid_metadata_schema invalid_payload invalid_post_type json_not_object
    markdown_text_conflict metadata_must_be_sent_from_app metadata_too_large missing_file_data
    missing_post_type missing_text_or_fallback_or_attachments msg_blocks_too_long msg_too_long
    no_text slack_connect_canvas_sharing_blocked slack_connect_file_link_sharing_blocked
    slack_connect_lists_sharing_blocked thread_not_found too_many_attachments
    too_many_contact_cards
    """
)
# "It's possible some aspect of the operation succeeded before the error was raised."
DOUBTFUL = frozenset({"internal_error", "fatal_error"})
PASSING = frozenset(
    {"message_limit_exceeded", "request_timeout", "rollup_error", "service_unavailable"}
)
