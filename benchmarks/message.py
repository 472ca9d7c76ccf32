"""The message that both workers get: about 2 kB of JSON, names outside ASCII, no two alike."""

import json
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


def body(number: int) -> bytes:
    """The `number`th message."""
    items: list[dict[str, Any]] = [
        {
            "sku": f"{number % 977:04}-{index:02}",
            "title": title,
            "quantity": 1 + (number + index) % 4,
            "price": 9.5 + index * 7,
            "tags": ["house", "garden", "gifts"][: 1 + index % 3],
        }
        for index, title in enumerate(TITLES)
    ]
    message = {
        "from": "Krämer & Söhne <orders@shop.example>",
        "to": f"Zoë Müller-Łukasiewicz <customer{number}@mail.example>",
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
                + "The garden gate stays open until six. " * 12,
            },
        },
    }
    return json.dumps(message, ensure_ascii=False).encode()
