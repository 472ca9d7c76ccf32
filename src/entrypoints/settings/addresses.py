"""Whether those named by ALERTS_TO and REDIRECT_TO can be reached, by their channels' own rules."""

from domain.errors import Permanent
from entrypoints.settings.model import Settings
from entrypoints.settings.sources import variable


def address_faults(settings: Settings) -> list[str]:
    """One line for each address that its channel would refuse."""
    named = [
        *(("alerts_to", one.channel, one.recipient.address) for one in settings.alerts_to),
        *(("redirect_to", name, one.address) for name, one in settings.redirect_to.items()),
    ]
    lines = []
    for name, channel, address in named:
        try:
            _check(channel, address, settings)
        except Permanent as error:
            text = str(error).removeprefix(f"{channel}: ")
            # a webhook's URL may hold a secret
            whom = channel if channel == "webhook" else f"{address!r} for {channel}"
            lines.append(f"{variable(name)}: {whom}: {text}")
    return lines


def _check(channel: str, address: str, settings: Settings) -> None:
    # Imported late: a process loads only the channels that it uses.
    if channel == "telegram":
        from adapters.channels.telegram.delivery import chat_of

        chat_of(address)
    elif channel == "slack":
        from adapters.channels.slack.people import is_email

        if settings.slack_token is not None or settings.slack_webhook_url is None:
            is_email(address)  # for an incoming webhook it is but a label
    elif channel == "webhook":
        from adapters.channels.webhook.url import url_of

        url_of(address)
