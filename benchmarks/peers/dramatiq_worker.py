"""Dramatiq: one actor, one SMTP connection in each thread.

https://dramatiq.io: `dramatiq benchmarks.peers.dramatiq_worker --processes 2`; eight threads each.
"""

import smtplib
import threading
from typing import Any

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from benchmarks.peers.mail import AMQP_URL, HOST, PORT, QUEUE, mail_of

# Confirmed, so that filling loses nothing.
dramatiq.set_broker(RabbitmqBroker(url=AMQP_URL, confirm_delivery=True))
_local = threading.local()


@dramatiq.actor(queue_name=QUEUE)
def send(message: dict[str, Any]) -> None:
    """Send one mail."""
    if not hasattr(_local, "smtp"):
        _local.smtp = smtplib.SMTP(HOST, int(PORT))
    _local.smtp.send_message(mail_of(message))


def publish(message: dict[str, Any]) -> None:
    """Put one message into the queue."""
    send.send(message)
