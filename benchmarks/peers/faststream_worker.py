"""FastStream: one subscriber, ten SMTP connections of aiosmtplib.

https://faststream.ag2.ai: `faststream run benchmarks.peers.faststream_worker:app`.
"""

import asyncio
from typing import Any

from aiosmtplib import SMTP
from faststream import FastStream
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue

from benchmarks.peers.mail import AMQP_URL, HOST, PORT, PREFETCH, QUEUE, mail_of

CONNECTIONS = 10

broker = RabbitBroker(AMQP_URL, default_channel=Channel(prefetch_count=PREFETCH), logger=None)
app = FastStream(broker)
_idle: asyncio.Queue[SMTP] = asyncio.Queue()


@app.on_startup
async def connect() -> None:
    """Open the connections."""
    for _ in range(CONNECTIONS):
        smtp = SMTP(hostname=HOST, port=int(PORT), start_tls=False)
        await smtp.connect()
        _idle.put_nowait(smtp)


@broker.subscriber(RabbitQueue(QUEUE, queue_type=QueueType.QUORUM, durable=True))
async def send(message: dict[str, Any]) -> None:
    """Send one mail."""
    smtp = await _idle.get()
    try:
        await smtp.send_message(mail_of(message))
    finally:
        _idle.put_nowait(smtp)
