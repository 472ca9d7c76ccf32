// What the person has chosen on a template's page: tabs, the width and the theme. It stays when the
// page takes over a change, and when another example or template is opened.
"use strict";

const stored = { theme: localStorage };

function chosen(name) {
  return (stored[name] ?? sessionStorage).getItem(name);
}

function choose(name, value) {
  (stored[name] ?? sessionStorage).setItem(name, value);
}

// Show in `page` what was chosen; each group of tabs falls back to its first.
function apply(page) {
  for (const tab of page.querySelectorAll("[data-tab]")) {
    const tabs = [...tab.parentElement.children];
    const value = tabs.find((one) => one.dataset.value === chosen(tab.dataset.tab))?.dataset.value;
    const isChosen = tab.dataset.value === (value ?? tabs[0].dataset.value);
    tab.setAttribute("aria-selected", isChosen);
    tab.tabIndex = isChosen ? 0 : -1;
    const panels = tab.parentElement.parentElement.querySelectorAll(
      `:scope > [data-panel="${tab.dataset.tab}"][data-value="${tab.dataset.value}"]`,
    );
    for (const panel of panels) panel.hidden = !isChosen;
  }
  for (const button of page.querySelectorAll("[data-set]")) {
    const first = button.parentElement.firstElementChild.dataset.value;
    const isChosen = button.dataset.value === (chosen(button.dataset.set) ?? first);
    button.setAttribute("aria-pressed", isChosen);
    if (isChosen && button.dataset.set === "width")
      for (const stage of page.querySelectorAll(".stage")) stage.dataset.width = button.dataset.value;
  }
  const theme = chosen("theme") ?? "system";
  for (const frame of page.querySelectorAll(".stage iframe")) {
    const address = frame.getAttribute("src").split("?")[0];
    const wanted = theme === "system" ? address : `${address}?theme=${theme}`;
    if (frame.getAttribute("src") !== wanted) frame.src = wanted;
  }
  if (page === document) document.documentElement.dataset.theme = theme;
}

function took(event) {
  const opener = event.target.closest("[data-open]");
  if (opener) choose("channel", opener.dataset.open);
  const button = event.target.closest("[data-tab], [data-set]");
  if (button) choose(button.dataset.tab ?? button.dataset.set, button.dataset.value);
  if (!opener && !button) return;
  apply(document);
  fitAll();
}

// The arrow keys go from tab to tab, Home and End to the first and the last.
function stepped(event) {
  const tab = event.target.closest?.("[data-tab]");
  if (!tab) return;
  const tabs = [...tab.parentElement.children];
  const at = tabs.indexOf(tab);
  const steps = { ArrowLeft: at - 1, ArrowRight: (at + 1) % tabs.length, Home: 0, End: -1 };
  if (!(event.key in steps)) return;
  const next = tabs.at(steps[event.key]);
  event.preventDefault();
  next.focus();
  next.click();
}

live.prepare.push(apply);
document.addEventListener("click", took);
document.addEventListener("keydown", stepped);
apply(document);
fitAll();
