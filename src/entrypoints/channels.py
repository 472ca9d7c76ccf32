"""How the notifier of each channel is made from the settings."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from adapters.channels import CHANNELS
from adapters.channels.channel import Channel, ChannelContext
from adapters.channels.shared.learned import Learned
from adapters.message_format.rules import MessageRules
from domain.pace import PaceStore
from domain.ports import EventSink, Notifier
from entrypoints.settings import Settings, SettingsInvalid

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


def channel_context(
    settings: Settings, events: EventSink, learned: Learned, paces: PaceStore
) -> ChannelContext:
    """What every notifier may need."""
    return ChannelContext(
        home=settings.home,
        attachments_dir=settings.attachments_dir,
        attachments_most=settings.attachments_most,
        retry_delays=settings.retry_delays,
        paces=paces,
        events=events,
        learned=learned,
        wishes=WISHES,
    )


def notifier_factories(
    settings: Settings, context: ChannelContext
) -> Mapping[str, Callable[[], Notifier]]:
    """Channel -> what makes its notifier, once. Each raises SettingsInvalid."""
    return {
        name: cache(partial(make_notifier, channel, settings.channel_settings[name], context))
        for name, channel in CHANNELS.items()
    }


def make_notifier(channel: Channel[Any], own: Any, context: ChannelContext) -> Notifier:
    """The notifier of a channel with these settings. Raises SettingsInvalid."""
    try:
        return channel.notifier(own, context)
    except ValueError as error:
        raise SettingsInvalid(str(error).splitlines()) from None  # each line names its variable


def guarded_notifiers(
    settings: Settings, factories: Mapping[str, Callable[[], Notifier]]
) -> Mapping[str, Notifier]:
    """The notifiers of the configured channels, behind the recipient guard where one is set."""
    made = {name: factories[name]() for name in settings.configured_channels}
    if not settings.only_to and not settings.redirect_to:
        return made
    from adapters.channels.shared.guard import GuardedNotifier, GuardRules

    rules = GuardRules(only_to=settings.only_to, redirect_to=settings.redirect_to)
    return {
        name: GuardedNotifier(notifier, name, rules, CHANNELS[name].parts)
        for name, notifier in made.items()
    }
