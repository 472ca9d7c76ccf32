"""The channel `apprise`: any Apprise URL as a named target (the extra `apprise`)."""

from collections.abc import Mapping
from dataclasses import field

from adapters.channels.channel import Channel, ChannelContext
from adapters.secret import Secret
from domain.ports import Notifier
from domain.value_object import value_object


@value_object(kw_only=True)
class AppriseSettings:
    """DISPATCHER_TARGETS__NAME, one for each target."""

    targets: Mapping[str, Secret] = field(default_factory=dict)


def _make(settings: AppriseSettings, _context: ChannelContext) -> Notifier:
    try:
        from adapters.channels.apprise.notifier import AppriseNotifier
    except ImportError:
        fault = "needs the extra: pip install 'dispatcher-worker[apprise]'"
        raise ValueError(f"DISPATCHER_TARGETS__*: {fault}") from None
    return AppriseNotifier(settings.targets)


CHANNEL = Channel(
    name="apprise",
    title="Apprise",
    settings=AppriseSettings,
    family="targets",
    outlets=("targets",),
    make=_make,
    repeats_blips=False,
    capture=None,
    proxy_library=lambda settings: "socks" if settings.targets else None,
    fake_address=lambda fake, settings: (
        fake.random_element(sorted(settings.targets))
        if settings.targets
        else f"{fake.name()} <{fake.email()}>"
    ),
)
