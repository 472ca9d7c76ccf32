"""How each channel's notifier is made from the settings; the container names them."""

from typing import TYPE_CHECKING

from domain.ports import Notifier
from entrypoints.settings import Settings, SettingsInvalid

if TYPE_CHECKING:
    from adapters.notifiers.email.url import SmtpSettings


def email_notifier(settings: Settings) -> Notifier:
    """Over SMTP, or into a Maildir. Raises SettingsInvalid."""
    from adapters.notifiers.blips import BlipTolerantNotifier
    from adapters.notifiers.email.letter import EmailDefaults
    from adapters.notifiers.email.url import MaildirSettings, parse_email_url

    defaults = EmailDefaults(
        sender=settings.email_from,
        reply_to=settings.email_reply_to,
        attachments_dir=settings.attachments_dir,
    )
    place = parse_email_url(settings.email or "")
    try:
        if isinstance(place, MaildirSettings):
            from adapters.notifiers.email.maildir import MaildirNotifier

            return MaildirNotifier(place.folder, defaults=defaults)
        from adapters.notifiers.email.pool import PoolLimits
        from adapters.notifiers.email.smtp import SmtpNotifier

        return BlipTolerantNotifier(
            SmtpNotifier(
                place,
                defaults=defaults,
                ca_file=settings.email_ca_file,
                limits=PoolLimits(size=settings.email_pool),
                reread=lambda: _relay_now(settings, place),
            )
        )
    except ValueError as error:
        raise SettingsInvalid([str(error)]) from None  # names its variable itself


def _relay_now(settings: Settings, known: "SmtpSettings") -> "SmtpSettings":
    """The relay as its secret file names it now; a file in the middle of a change says nothing."""
    from adapters.notifiers.email.url import SmtpSettings, parse_email_url

    try:
        place = parse_email_url(settings.email_now() or "")
    except ValueError:
        return known
    return place if isinstance(place, SmtpSettings) else known
