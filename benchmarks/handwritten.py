"""The worker everybody starts with: one queue, one template folder, one SMTP connection.

Started by the benchmark: `python -m benchmarks.handwritten AMQP_URL QUEUE SMTP_HOST SMTP_PORT DIR`.
"""

import json
import smtplib
import sys
from email.message import EmailMessage

import pika
from jinja2 import Environment, FileSystemLoader
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties

PREFETCH = 100


def main() -> None:
    """Consume until killed."""
    url, queue, host, port, folder = sys.argv[1:]
    templates = Environment(loader=FileSystemLoader(folder), autoescape=True)
    smtp = smtplib.SMTP(host, int(port))

    def on_message(
        channel: BlockingChannel, method: Basic.Deliver, _: BasicProperties, body: bytes
    ) -> None:
        message = json.loads(body)
        template = templates.get_template(f"{message['template']}.jinja2")
        html = template.render(subject=message["subject"], **message["parameters"])
        mail = EmailMessage()
        mail["From"] = message["from"]
        mail["To"] = message["to"]
        mail["Reply-To"] = message["reply_to"]
        mail["Subject"] = message["subject"]
        mail.set_content(html, subtype="html")
        smtp.send_message(mail)
        channel.basic_ack(method.delivery_tag)

    channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
    channel.basic_qos(prefetch_count=PREFETCH)
    channel.basic_consume(queue, on_message)
    channel.start_consuming()


if __name__ == "__main__":
    main()
