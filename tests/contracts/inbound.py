"""What every inbound adapter must do, whichever broker it stands on: one suite, in four parts."""

from tests.contracts.inbound_consuming import ConsumingContract
from tests.contracts.inbound_ending import EndingContract
from tests.contracts.inbound_properties import PropertiesContract
from tests.contracts.inbound_settling import SettlingContract


class InboundContract(ConsumingContract, EndingContract, PropertiesContract, SettlingContract):
    """Subclass it beside a fixture `run`, made by `inbound_harness.runner`."""
