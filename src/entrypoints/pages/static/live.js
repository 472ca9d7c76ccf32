// An open page that has `data-live` on its body fetches itself again when `/events` has a greater
// number, and takes over what is different: what stays the same is not touched, so scroll, chosen
// tabs, open details, typed text and frames stay as they are.
"use strict";

const live = {
  // Called with the new page before it is taken over, and with the document after it was.
  prepare: [],
  taken: [],
};

function key(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.id || node.dataset.key || "" : "";
}

function isLike(one, other) {
  return one.nodeName === other.nodeName && key(one) === key(other);
}

// Make `old` what `fresh` is.
function morph(old, fresh) {
  if (old.isEqualNode(fresh) || old.nodeName === "OUTPUT") return; // what was answered stays
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  if (old.nodeName === "IFRAME" && old.dataset.digest !== fresh.dataset.digest) {
    exchange(old, fresh);
    return;
  }
  morphAttributes(old, fresh);
  if (old.nodeName === "IFRAME") return;
  let next = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    let found = next;
    while (found && !isLike(found, child)) found = key(child) || !key(found) ? found.nextSibling : null;
    if (!found) {
      old.insertBefore(child, next);
      continue;
    }
    while (next !== found) {
      const gone = next;
      next = next.nextSibling;
      gone.remove();
    }
    next = found.nextSibling;
    morph(found, child);
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

// What the person does stays: details that were opened or closed, a button that waits for an answer.
// What was typed is no attribute.
const KEPT = new Set(["open", "style", "disabled"]);
const served = new WeakMap(); // whether the server gave details as open

function noteDetails() {
  for (const one of document.querySelectorAll("details")) if (!served.has(one)) served.set(one, one.open);
}

function morphAttributes(old, fresh) {
  for (const { name, value } of [...fresh.attributes])
    if (!KEPT.has(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes])
    if (!KEPT.has(name) && !fresh.hasAttribute(name)) old.removeAttribute(name);
  if (old.nodeName === "DETAILS" && served.get(old) !== fresh.open) {
    old.open = fresh.open;
    served.set(old, fresh.open);
  }
}

// Load a frame's new content out of sight, then show it in the old one's place: nothing flickers.
function exchange(old, fresh) {
  const scroll = scrolled(old);
  fresh.style.cssText = old.style.cssText;
  fresh.classList.add("coming");
  fresh.addEventListener("load", () => {
    fit(fresh);
    fresh.classList.remove("coming");
    old.remove();
    fresh.contentWindow?.scrollTo(...scroll);
  }, { once: true });
  old.after(fresh);
  for (let other = fresh.nextSibling; other?.nodeName === "IFRAME"; other = fresh.nextSibling) other.remove();
}

function scrolled(frame) {
  try {
    return [frame.contentWindow.scrollX, frame.contentWindow.scrollY];
  } catch {
    return [0, 0];
  }
}

// As high as what is in it, so that only the page scrolls.
function fit(frame) {
  let root;
  try {
    root = frame.contentDocument?.documentElement;
  } catch {
    return;
  }
  if (!root || !frame.offsetParent) return;
  frame.style.height = "1px";
  const height = Math.max(root.scrollHeight, root.ownerDocument.body?.scrollHeight ?? 0);
  frame.style.height = `${Math.min(Math.max(height, 64), 20000) + 2}px`;
}

function fitAll() {
  const at = [scrollX, scrollY];
  for (const frame of document.querySelectorAll("iframe")) fit(frame);
  scrollTo(...at);
}

// Below the title, and read out: why the page may be old.
function say(text) {
  const place = document.querySelector(".status");
  if (place.textContent !== text) place.textContent = text;
}

const FAILED = "What you see is old: the page of now could not be made. The terminal says why.";
const GONE = "What you see may be old: there is no connection to the server. Is it still running?";
const REST = 200; // milliseconds between two fetches
let isAsking = false, isOutOfDate = false;

async function refresh() {
  if (isAsking) {
    isOutOfDate = true;
    return;
  }
  isAsking = true;
  try {
    do {
      isOutOfDate = false;
      const reply = await fetch(location.href, { headers: { Accept: "text/html" } });
      const fresh = new DOMParser().parseFromString(await reply.text(), "text/html");
      if (!fresh.querySelector("main")) {
        say(FAILED);
        continue;
      }
      for (const each of live.prepare) each(fresh);
      document.title = fresh.title;
      morph(document.querySelector("header"), document.adoptNode(fresh.querySelector("header")));
      morph(document.querySelector("main"), document.adoptNode(fresh.querySelector("main")));
      document.body.dataset.live = fresh.body.dataset.live ?? document.body.dataset.live;
      for (const each of live.taken) each(document);
      noteDetails();
      say("");
      await new Promise((rested) => setTimeout(rested, REST));
    } while (isOutOfDate);
  } catch {
    say(GONE); // its next number brings the page up to date
  } finally {
    isAsking = false;
  }
}

let events = null;

function listen() {
  if (document.hidden || !document.body.dataset.live) {
    events?.close(); // a browser opens only six connections: pages in the background need none
    events = null;
  } else if (!events) {
    events = new EventSource("/events");
    events.onerror = () => say(GONE);
    events.onopen = () => say("");
    events.onmessage = (event) => {
      if (Number(event.data) !== Number(document.body.dataset.live)) refresh();
    };
  }
}

// A form with `data-inline` sends itself without leaving the page; the reply's element with
// `data-answer` is shown below it.
async function send(event) {
  const form = event.target.closest("form[data-inline]");
  if (!form) return;
  event.preventDefault();
  const output = form.querySelector("output");
  const button = form.querySelector("button");
  button.disabled = true;
  output.textContent = "…";
  try {
    const body = new URLSearchParams(new FormData(form));
    const reply = await fetch(form.action, { method: "POST", body });
    const text = await reply.text();
    const answer = new DOMParser().parseFromString(text, "text/html").querySelector("[data-answer]");
    output.replaceChildren(answer ? document.adoptNode(answer) : text);
  } catch {
    output.textContent = "The server does not answer. Is it still running?";
  } finally {
    button.disabled = false;
  }
}

document.addEventListener("submit", send);
document.addEventListener("visibilitychange", listen);
document.addEventListener("load", (event) => event.target.nodeName === "IFRAME" && fit(event.target), true);
addEventListener("resize", fitAll);
fitAll();
noteDetails();
listen();
