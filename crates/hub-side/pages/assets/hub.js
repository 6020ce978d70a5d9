// Small helps on top of pages that work without them: times in the reader's zone, the live timeline, refreshing.
"use strict";

// The page's language, as it is written where the reader is if that is known; the zone is the reader's.
const language = document.documentElement.lang;
const locale = navigator.languages.find((one) => one.split("-")[0] === language && one !== "en")
  ?? (language === "en" ? "en-GB" : language);
const absolute = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
const whole = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "long" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
const words = language === "de" ? {
  copied: "Kopiert", not: "Nicht kopiert", connected: "Verbunden",
  closed: "Nicht mehr verbunden: Laden Sie die Seite neu", lost: "Verbindung unterbrochen, neuer Versuch …",
} : {
  copied: "Copied", not: "Not copied", connected: "Connected",
  closed: "Not connected any more: reload the page", lost: "Connection lost, trying again …",
};
const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function ago(moment) {
  const seconds = Math.round((moment - Date.now()) / 1000);
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return relative.format(Math.trunc(seconds / size), unit);
}

function showTimes(root = document) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const short = time.classList.contains("short");
    const title = whole.format(moment);
    if (time.title !== title) time.title = title;
    const text = short ? ago(moment) : `${ago(moment)} · ${absolute.format(moment)}`;
    if (time.textContent !== text) time.textContent = text;
  }
}

// Buttons that copy a text are shown where a script can do it.
function showCopies(root = document) {
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
}

async function copy(button) {
  const label = [...button.childNodes];
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = words.copied;
  } catch {
    button.textContent = words.not;
  }
  setTimeout(() => { button.replaceChildren(...label); }, 2000);
}

// Whether somebody wrote or chose something here that is not sent yet.
function isChanged(part) {
  return [...part.querySelectorAll("input:not([type=hidden]), textarea")].some((field) =>
    ["checkbox", "radio"].includes(field.type) ? field.checked !== field.defaultChecked : field.value !== field.defaultValue);
}

// Whether taking this part anew would take something from the reader.
function isBusy(part) {
  const copied = document.activeElement?.dataset?.copy;
  return (part.contains(document.activeElement) && copied === undefined) || isChanged(part)
    || part.querySelector("details[open]:not(.folded)") !== null;
}

function replace(old, fresh) {
  showTimes(fresh);
  showCopies(fresh);
  const order = [...old.querySelectorAll("[data-copy]")].indexOf(document.activeElement);
  old.replaceWith(fresh);
  fresh.querySelectorAll("[data-copy]")[order]?.focus();
}

// Takes parts of this page anew from the server, except those in which the reader is busy.
async function refresh(...selectors) {
  const parts = selectors.map((selector) => document.querySelector(selector)).filter((part) => part && !isBusy(part));
  if (parts.length === 0 || document.hidden) return;
  const from = document.querySelector("[data-from]")?.dataset.from ?? location.href;
  const answer = await fetch(from, { headers: { Accept: "text/html" } });
  // The login has ended: what stands here grows old, and nothing says so. What was typed is not thrown away for that.
  const ended = answer.redirected && new URL(answer.url).pathname === "/login";
  if (ended && !isChanged(document.querySelector("main"))) location.assign(from);
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) {
    const fresh = page.getElementById(part.id) ?? page.querySelector("[data-refresh]");
    // Lines that came meanwhile are not in the answer.
    const older = Number(fresh?.dataset.last) < Number(part.dataset.last);
    if (fresh && !older && part.isConnected && !isBusy(part)) replace(part, fresh);
  }
  document.title = page.title;
  // How much waits stands in the navigation, too; whoever is in it is not disturbed.
  const [old, now] = [document, page].map((one) => one.querySelector(".top nav"));
  if (old && now && !old.contains(document.activeElement) && old.innerHTML !== now.innerHTML) old.replaceWith(now);
}

// Lines come from the server as the page itself has them; a step that ends is folded there.
function followTimeline() {
  const live = document.getElementById("live");
  const list = () => document.getElementById("timeline");
  let pending = false;
  let source;
  const say = (text, kind) => { live.textContent = text; live.className = kind; };
  const open = () => {
    source = new EventSource(`${list().dataset.events}?after=${list().dataset.last}`);
    source.onopen = () => say(words.connected, "live");
    source.onerror = () => say(source.readyState === EventSource.CLOSED
      ? words.closed : words.lost, "muted");
    source.onmessage = take;
  };
  const take = (event) => {
    const { sequence, kind, html } = JSON.parse(event.data);
    if (sequence <= Number(list().dataset.last)) return;
    list().dataset.last = sequence;
    const line = document.createElement("template");
    line.innerHTML = html.trim();
    const item = line.content.firstElementChild;
    item.classList.add("new");
    showTimes(item);
    showCopies(item);
    const following = innerHeight + scrollY >= document.body.scrollHeight - 80;
    list().append(item);
    if (following) scrollTo({ top: document.body.scrollHeight });
    if (!pending && kind !== "operation") {
      pending = true;
      const parts = kind === "step" ? ["#summary", "#timeline"] : ["#summary"];
      setTimeout(() => { pending = false; refresh(...parts).catch(() => {}); }, 400);
    }
  };
  open();
  // A browser keeps few connections to one place: hidden pages give theirs back and catch up later.
  document.addEventListener("visibilitychange", () => {
    source.close();
    if (!document.hidden) {
      open();
      refresh("#summary").catch(() => {});
    }
  });
}

showTimes();
showCopies();
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (button) copy(button);
});
setInterval(() => showTimes(), 1000);
if (document.getElementById("timeline")) followTimeline();
setInterval(() => {
  const part = document.querySelector("[data-refresh]");
  if (!part) return;
  part.age = (part.age ?? 0) + 1;
  if (part.age >= Number(part.dataset.refresh)) {
    part.age = 0;
    refresh("[data-refresh]").catch(() => {});
  }
}, 1000);
