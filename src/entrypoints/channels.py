"""How the notifier of each channel is made from the settings."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import cache, partial

from adapters.channels import CHANNELS
from adapters.channels.channel import ChannelContext
from adapters.message_format.rules import MessageRules
from domain.ports import Notifier
from entrypoints.settings import Settings, SettingsInvalid
from entrypoints.stores import closed_at_end

WISHES = frozenset(name for name, channel in CHANNELS.items() if channel.reads_metadata)
"""The metadata that are a channel's to read."""


def message_rules(settings: Settings) -> MessageRules:
    """What a message may hold."""
    channels = CHANNELS.values()
    return MessageRules(
        max_body=settings.max_body,
        number_addresses=frozenset(one.name for one in channels if one.number_addresses),
        comma_free=frozenset(one.name for one in channels if not one.comma_addresses),
        with_copies=frozenset(one.name for one in channels if one.carries_copies),
        with_files=frozenset(one.name for one in channels if one.carries_files),
    )


def notifier_factories(
    settings: Settings, context: ChannelContext
) -> Mapping[str, Callable[[], Notifier]]:
    """Channel -> what makes its notifier, once. Each raises SettingsInvalid."""

    @cache
    def make(name: str) -> Notifier:
        try:
            return CHANNELS[name].notifier(settings.channel_settings[name], context)
        except ValueError as error:  # each line names its variable
            raise SettingsInvalid(str(error).splitlines()) from None

    return {name: partial(make, name) for name in CHANNELS}


def guarded_notifiers(
    closing: AsyncExitStack, settings: Settings, factories: Mapping[str, Callable[[], Notifier]]
) -> Mapping[str, Notifier]:
    """The notifiers of the configured channels, behind the recipient guard where one is set."""
    made = {
        name: closed_at_end(closing, factories[name]()) for name in settings.configured_channels
    }
    if not settings.only_to and not settings.redirect_to:
        return made
    from adapters.channels.shared.guard import GuardedNotifier, GuardRules

    rules = GuardRules(only_to=settings.only_to, redirect_to=settings.redirect_to)
    return {
        name: GuardedNotifier(notifier, name, rules, CHANNELS[name].parts)
        for name, notifier in made.items()
    }
