"""The worker everybody starts with: one queue, one SMTP connection. `python -m ...handwritten`."""

import json
import smtplib

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties

from benchmarks.peers.mail import AMQP_URL, HOST, PORT, PREFETCH, QUEUE, mail_of


def main() -> None:
    """Consume until killed."""
    smtp = smtplib.SMTP(HOST, int(PORT))

    def on_message(
        channel: BlockingChannel, method: Basic.Deliver, _: BasicProperties, body: bytes
    ) -> None:
        smtp.send_message(mail_of(json.loads(body)))
        channel.basic_ack(method.delivery_tag)

    channel = pika.BlockingConnection(pika.URLParameters(AMQP_URL)).channel()
    channel.basic_qos(prefetch_count=PREFETCH)
    channel.basic_consume(QUEUE, on_message)
    channel.start_consuming()


if __name__ == "__main__":
    main()
