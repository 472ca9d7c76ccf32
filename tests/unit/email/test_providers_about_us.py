"""Refusals that are about us, in the words of providers: they wait for a verdict, whatever the
command that they answer."""

import pytest

from adapters.channels.email.about_us import AboutUs, about_us
from adapters.channels.email.limits import Phase
from adapters.channels.email.smtp_reply import SmtpReply
from adapters.channels.email.verdicts import verdict
from domain.errors import Permanent, Transient, Unavailable

REPLIES = {
    AboutUs.QUOTA: [
        (
            "554 Message rejected: Sending paused for this account. For more "  # Amazon SES
            "information, please check the inbox of the email address associated "
            "with your AWS account."
        ),
        "554 Message rejected: Sending suspended for this account.",  # Amazon SES
        (
            "550 5.7.0 Requested action not taken: The email limit is reached. "  # Mailtrap
            "Please upgrade your plan https://mailtrap.io/billing/plans/testing"
        ),
        "550 5.7.0 The account's email limit has been reached.",  # Mailtrap
        (
            "554 5.7.1 <a@b.example>: Recipient address rejected: Policy rejection; "  # policyd
            "Message count quota exceeded"
        ),
        (
            "554 5.7.1 <a@b.example>: Recipient address rejected: Policy Rejection: "  # policyd
            "Quota Exceeded."
        ),
        (
            "450 4.7.1 <a@b.example>: Recipient address rejected: Policy Rejection- "  # policyd
            "Quota Exceeded."
        ),
        (
            "554 5.7.1 <a@b.example>: Recipient address rejected: Policy rejection; "  # policyd
            "Message cumulative size quota exceeded"
        ),
        "554 5.7.1 Quota exceeded (number of mails in total)",  # iRedAPD
        "550 5.7.1 Mail quota exceeded, please try again later",  # a hoster
        "550 Ip frequency limited. http://service.mail.qq.com/cgi-bin/help?id=20022",  # QQ
        "550 Domain frequency limited",  # QQ
        "550 sorry, too many emails (#5.7.1)",  # OVH
        "550 send spam mail rejected: exceeded hour limit",  # a hoster
        "550 5.7.1 You have reached the limit of your plan",  # a hoster
        "550 5.7.1 Sorry, you have no more credits",  # a hoster
        "550 Insufficient credits",  # a hoster
        "554 5.7.1 Trial expired",  # a hoster
        (
            "450 Requested mail action not taken: mailbox unavailable\nMail send "  # IONOS, GMX
            "limit exceeded."
        ),
        "541 5.4.1 Mail sending blocked for this domain",  # Zoho
        "550 5.7.236 Your tenant exceeded its limit",  # Exchange Online
        (
            "554 5.2.0 "  # Exchange
            "STOREDRV.Submission.Exception:SubmissionQuotaExceededException; "
            "Failed to process message due to a permanent exception with message"
        ),
    ],
    AboutUs.CLIENT: [
        "554 Message rejected: Your account has been paused",  # Amazon SES
        (
            "550 5.7.1 The IP you're using to send mail is not authorized to send "  # Gmail
            "email directly to our servers. Please use the SMTP relay at your service "
            "provider instead."
        ),
        "550 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1",  # Proofpoint
        "554 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1",  # Proofpoint
        (
            "554 Blocked - see "  # Proofpoint
            "https://support.proofpoint.com/dnsbl-lookup.cgi?ip=192.0.2.1"
        ),
        "550 Suspected spam ip",  # QQ
        "550 5.7.1 Your account has been temporarily blocked, contact support",  # a hoster
        "550 Your account was blocked due to abuse",  # a hoster
        "550 5.7.1 Your SMTP account was locked after a complaint",  # a hoster
        (
            "502 5.7.0 Your SMTP account is not yet activated. Please contact us at "  # Brevo
            "contact@sendinblue.com to request activation."
        ),
        "550 5.7.1 Unauthorized IP address",  # Brevo
        (
            "421 Please activate your Mailgun account. Check your inbox or log in "  # Mailgun
            "to your control panel to resend the activation email."
        ),
        "550 5.7.1 Your account is pending approval",  # Postmark
        "554 5.1.8 Email Outgoing Blocked",  # Zoho
        (
            "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, "  # Yahoo
            "because the ip is in Spamhaus's list"
        ),
        (
            "553 5.7.2 [TSS09] All messages from 192.0.2.1 will be permanently "  # Yahoo
            "deferred; Retrying will NOT succeed."
        ),
        "550 5.7.1 Connections not accepted from servers without a valid sender domain.",  # AT&T
        "554 IB212 Your IP has been temporarily blocked",  # GoDaddy
        "554 5.7.1 Account is locked",  # Rackspace
        "550 5.7.1 Email sending without SMTP authorization or without PTR record",  # Yandex
        "525 5.7.13 User account disabled",  # RFC 5248
    ],
    AboutUs.RELAY: [
        (
            "550 5.7.1 Invalid credentials for relay [192.0.2.1]. The IP "  # Google's relay
            "address you've\n5.7.1 registered in your G Suite SMTP Relay "
            "service doesn't match the domain of\n5.7.1 the account this "
            "email is being sent from. If you are trying to relay\n5.7.1 mail "
            "from a domain that isn't registered under your G Suite "
            "account\n5.7.1 or has empty envelope-from, you must configure "
            "your mail server\n5.7.1 either to use SMTP AUTH to identify the "
            "sending domain or to present\n5.7.1 one of your domain names in "
            "the HELO or EHLO command. For more"
        ),
        "553 Relaying disallowed as shop@a.example",  # Zoho
        "554 Relay rejected for policy reasons.",  # Domino
        "550 Relaying mail to <bob@other.example> is not allowed",  # CommuniGate
        "550 5.7.1 This system is not configured to relay mail",  # Sendmail
        "553 sorry, that domain isn't allowed to be relayed thru this MTA",  # qmail
    ],
    AboutUs.SENDER: [
        "550 5.7.1 Domain sandbox.example is disabled.",  # Mailgun
        "550 5.7.1 Unconfigured Sending Domain <shop.example>",  # SparkPost
        "550 5.7.0 From address is not one of your addresses",  # iCloud
    ],
    AboutUs.SIGN_IN: [
        "503 AUTH command must be issued first",  # a hoster
        "503 5.5.1 Authentication must be done first",  # a hoster
        "550 Login required",  # a hoster
        "550 You need to authenticate before sending",  # a hoster
    ],
    AboutUs.HELO: [
        "550 5.7.1 rejected because your HELO hostname is not a FQDN",  # a hoster
        "550 You must EHLO/HELO with a valid FQDN",  # a hoster
        "550 5.7.1 Unknown HELO",  # a hoster
    ],
}


def _reply(text: str) -> SmtpReply:
    return SmtpReply(int(text[:3]), text[4:].encode())


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in REPLIES.items() for text in texts]
)
def test_field_5_1_a_provider_s_refusal_about_us_is_known_by_its_words(
    kind: AboutUs, text: str
) -> None:
    assert about_us(_reply(text)) is kind
    for phase in (Phase.SENDER, Phase.RECIPIENT, Phase.DATA, Phase.FINAL):
        error = verdict(_reply(text), phase, "relay:25")

        assert isinstance(error, Unavailable | Permanent | Transient)
        assert isinstance(error, Unavailable) or error.provider_fault


@pytest.mark.parametrize("text", [text for texts in REPLIES.values() for text in texts])
def test_the_case_of_the_letters_changes_no_verdict(text: str) -> None:
    assert about_us(_reply(text.upper())) is about_us(_reply(text))
