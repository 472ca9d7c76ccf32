"""Celery: one task, a process pool, one SMTP connection in each process.

https://docs.celeryq.dev: `celery -A benchmarks.peers.celery_worker worker --concurrency 2`.
A task is acknowledged once it is done, as Dispatcher does it (`task_acks_late`).
"""

import smtplib
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from benchmarks.peers.mail import AMQP_URL, HOST, PORT, QUEUE, mail_of

app = Celery("peers", broker=AMQP_URL)
app.conf.update(task_default_queue=QUEUE, task_acks_late=True, task_ignore_result=True)
app.conf.broker_transport_options = {"confirm_publish": True}  # so that filling loses nothing
_connections: list[smtplib.SMTP] = []


@worker_process_init.connect
def connect(**_: Any) -> None:
    """Open this process's connection."""
    _connections.append(smtplib.SMTP(HOST, int(PORT)))


@app.task
def send(message: dict[str, Any]) -> None:
    """Send one mail."""
    _connections[0].send_message(mail_of(message))


def publish(message: dict[str, Any]) -> None:
    """Put one message into the queue."""
    send.delay(message)
