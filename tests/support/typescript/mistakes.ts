/** Mistakes of a producer that the compiler must find. */
import type { Message } from "./messages.js";

export const mistakes: Message[] = [
  // @ts-expect-error the template's name is misspelt
  { to: "a@example.com", template: "welcom", parameters: { name: "A", link: "x" } },
  // @ts-expect-error a variable is missing
  { to: "a@example.com", template: "welcome", parameters: { name: "A" } },
  // @ts-expect-error a variable is of another type
  { to: "a@example.com", template: "welcome", parameters: { name: 1, link: "x" } },
  // @ts-expect-error there is no such field
  { to: "a@example.com", template: "welcome", subjet: "Hi", parameters: { name: "A", link: "x" } },
  // @ts-expect-error it is for no recipient
  { template: "welcome", parameters: { name: "A", link: "x" } },
];
