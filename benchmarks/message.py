"""The message that all workers get: about 2 kB of JSON, names outside ASCII, no two alike."""

import json
from itertools import cycle, islice
from typing import Any

TITLES = (
    "Grinder with ceramic burrs, 40 g",
    "Gießkanne, verzinkt, 5 Liter",
    "Théière en fonte, émaillée",
    "Lamp with a shade of washi paper",
    "Caffettiera da 3 tazze",
    "Wool blanket, 130 by 200 cm",
    "Scissors for left-handers",
    "Świeca z wosku pszczelego",
)
_SENTENCE = "The garden gate stays open until six. "
_SMALL = 2000  # bytes: a smaller message has fewer articles


def body(number: int, *, recipients: int = 1, size: int = 0, articles: int = len(TITLES)) -> bytes:
    """The `number`th message; of about `size` bytes if given, by the length of the note."""
    if not size:
        return _dump(_message(number, recipients, articles, 12))
    articles = 1 if size < _SMALL else len(TITLES)
    missing = size - len(_dump(_message(number, recipients, articles, 0)))
    return _dump(_message(number, recipients, articles, max(0, missing) // len(_SENTENCE)))


def _message(number: int, recipients: int, articles: int, sentences: int) -> dict[str, Any]:
    items: list[dict[str, Any]] = [
        {
            "sku": f"{number % 977:04}-{index:02}",
            "title": title,
            "quantity": 1 + (number + index) % 4,
            "price": 9.5 + index * 7,
            "tags": ["house", "garden", "gifts"][: 1 + index % 3],
        }
        for index, title in enumerate(islice(cycle(TITLES), articles))
    ]
    people = [_recipient(number, index) for index in range(recipients)]
    return {
        "from": "Krämer & Söhne <orders@shop.example>",
        "to": people if recipients > 1 else people[0],
        "reply_to": "service@shop.example",
        "subject": f"Your order {number:07} — thank you, Zoë",
        "template": "order",
        "parameters": {
            "customer": {
                "name": "Zoë Müller-Łukasiewicz",
                "street": "Große Straße 12",
                "city": "20095 Hamburg",
            },
            "shop": {
                "name": "Krämer & Söhne",
                "street": "Königsallee 1",
                "city": "Düsseldorf",
                "contact": "service@shop.example",
                "url": "https://shop.example",
            },
            "order": {
                "number": f"{number:07}",
                "date": "2024-03-01",
                "items_ordered": items,
                "total": round(sum(item["quantity"] * item["price"] for item in items), 2),
                "note": "Please ring at the neighbours' if nobody is at home <2nd floor>. "
                + _SENTENCE * sentences,
            },
        },
    }


def _recipient(number: int, index: int) -> str:
    which = f"{number}-{index}" if index else str(number)
    return f"Zoë Müller-Łukasiewicz <customer{which}@mail.example>"


def _dump(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False).encode()
