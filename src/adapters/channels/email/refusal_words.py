"""Words that refusals share, whoever says them: of a recipient, of a limit, of an account."""

import re

from adapters.channels.email.limits import GREYLISTED


def pattern(*phrases: bytes) -> re.Pattern[bytes]:
    return re.compile(b"|".join(phrases))


ABOUT_THE_RECIPIENT = pattern(
    rb"receiv(?:e|ing)\b",  # Gmail: the user is receiving mail at a rate …
    rb"resolver\.|delivery restriction",  # Exchange: a group that takes members' mail only
    rb"to this (?:group|recipient|mailbox|user)|blocked by (?:the |this )?(?:recipient|user)",
    rb"(?:recipient|addressee|destination)(?:'s)? (?:e-?mail )?(?:account|mailbox|inbox)",
    rb"\brecipient (?:has |is )?(?:exceed|over)",  # Yandex: what one recipient may get
    GREYLISTED,
)
OTHER_LIMITS = pattern(
    rb"mailbox(?! unavailable)|storage|disk|that you tried to reach",  # Gmail, Dovecot, Exchange
    rb"(?<!check the )(?<!check your )inbox",  # Amazon SES and Mailgun write to ours
    rb"(?<!cumulative )\bsize\b|\bbytes\b|\b\d+ ?[kmg]i?b\b|too (?:large|big)",  # of the mail
    rb"\bhops?\b|\bline\b|attachment",
    # RFC 3463: a full mailbox, a mail too large.
    rb"^[45]\.(?:2\.2 (?!.{0,80}submission)|3\.4 )",
    rb"(?:user|recipient|account|maildir)(?:'s)?(?: \S+)? (?:is |has )?(?:over|exceeded)"
    rb" (?:its |his )?(?:disk )?quota",
)
DONE = rb"(?:exceed|reach|used|exhaust|over\b|hit\b)"
SHUT = (
    rb"(?:paused|suspended|disabled|deactivated|blocked|locked|banned|restricted|frozen|closed"
    rb"|terminated|cancell?ed|inactive|expired|on (?:hold|probation)|under review)"
)
SENDING = (
    rb"(?:send(?:ing|er)?|sent|submission|outgoing|outbound|outmail|relay(?:ing)?|smtp|daily|hourly"
    rb"|monthly|24[- ]?h(?:ours?)?|messag(?:es|ing)|e-?mails|mails)"
)

# Who says one of these speaks of a recipient or of the mail, in the languages of large providers.
SAYS_WHAT = pattern(
    rb"\buser|mailbox|recipient|\brcpt|address|account|inbox|member|unknown|exist",
    rb"no such|not found|invalid|disabled|inactive|deactivated|\bfull\b|unrout|undeliver",
    rb"\bgroup\b|\balias|unbekannt|empf|benutzer|inconnu|destinataire|destinatari|desconocid|inexistent",
    rb"sconosciut|inesistent|utente|usuari|utilisateur|no hay",
    rb"spam|virus|malware|malicious|phish|content|attach|\bfiles?\b|\bur[li]s?\b|\blinks?\b|\bheaders?\b",
    rb"subject|\bsize|large|\bbig\b|bytes|dkim|dmarc|\bspf\b|from:|message-id|duplicate|\bmime|encod",
)
