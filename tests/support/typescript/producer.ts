/** A producer: publishes what it is asked to, and prints the ids, or why a message was not stored. */
import { connect } from "amqplib";
import { type Message, publish } from "./messages.js";

const [, , url = "", queue = "", absent = ""] = process.argv;
const order: Message = {
  id: "order-1",
  to: ["Ann <ann@example.com>"],
  from: "Shop <shop@example.com>",
  template: "order-confirmation",
  locale: "it",
  parameters: {
    name: "Zoë",
    delivery: "venerdì",
    link: "https://example.com/1",
    order: {
      number: "HV-1",
      total: "19,00 €",
      lines: [{ name: "Tè", quantity: 2, price: "19,00 €" }],
    },
  },
};
const welcome: Message = {
  to: "bob@example.com",
  from: "shop@example.com",
  subject: "Hello",
  template: "welcome",
  parameters: { name: "Bob", link: "https://example.com/2" },
};

const connection = await connect(url);
const channel = await connection.createConfirmChannel();
const ids = await Promise.all([
  publish(channel, order, { queue }),
  publish(channel, welcome, { queue }),
]);
console.log(JSON.stringify(ids));
try {
  await publish(channel, order, { queue: absent });
} catch (error) {
  console.log(String(error));
}
await connection.close();
