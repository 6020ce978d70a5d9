// Small helps on top of pages that work without them: times in the reader's zone, the live timeline, refreshing.
"use strict";

const marks = { ok: "✓", running: "▸", waiting: "◷", warning: "!", failed: "✕" };
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
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
    if (short) time.title = absolute.format(moment);
    const text = short ? ago(moment) : `${ago(moment)} · ${absolute.format(moment)}`;
    if (time.textContent !== text) time.textContent = text;
  }
}

// Buttons that copy a text are shown where a script can do it.
function showCopies(root = document) {
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
}

async function copy(button) {
  const words = [...button.childNodes];
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied";
  }
  setTimeout(() => { button.replaceChildren(...words); }, 2000);
}

// Takes a part of this page anew from the server, unless the reader is busy in it.
async function refresh(selector) {
  const old = document.querySelector(selector);
  if (!old || document.hidden) return;
  const copied = document.activeElement?.dataset?.copy;
  const busy = old.contains(document.activeElement) && copied === undefined;
  const changed = [...old.querySelectorAll("input")].some((input) =>
    input.type === "checkbox" ? input.checked !== input.defaultChecked : input.value !== input.defaultValue);
  if (busy || changed || old.querySelector("details[open]:not(.folded)")) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector(selector);
  if (!fresh) return;
  showTimes(fresh);
  showCopies(fresh);
  const order = [...old.querySelectorAll("[data-copy]")].indexOf(document.activeElement);
  old.replaceWith(fresh);
  fresh.querySelectorAll("[data-copy]")[order]?.focus();
  document.title = page.title;
}

function followTimeline(list) {
  const live = document.getElementById("live");
  const line = document.getElementById("line");
  let last = Number(list.dataset.last);
  let pending = false;
  let source;
  const say = (text, kind) => { live.textContent = text; live.className = kind; };
  const open = () => {
    source = new EventSource(`${list.dataset.events}?after=${last}`);
    source.onopen = () => say("Live", "live");
    source.onerror = () => say(source.readyState === EventSource.CLOSED
      ? "Not live any more: reload the page" : "Connection lost, trying again …", "muted");
    source.onmessage = take;
  };
  const take = (event) => {
    const entry = JSON.parse(event.data);
    if (entry.sequence <= last) return;
    last = entry.sequence;
    const item = line.content.firstElementChild.cloneNode(true);
    item.className = `${entry.level} ${entry.kind} new`;
    item.querySelector(".mark").textContent = marks[entry.level] ?? "•";
    item.querySelector(".word").textContent = entry.level;
    item.querySelector(".message").textContent = entry.message;
    item.querySelector("time").dateTime = entry.at;
    showTimes(item);
    const following = innerHeight + scrollY >= document.body.scrollHeight - 80;
    list.append(item);
    if (following) scrollTo({ top: document.body.scrollHeight });
    if (!pending && entry.kind !== "operation") {
      pending = true;
      setTimeout(() => { pending = false; refresh("#summary").catch(() => {}); }, 400);
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
const timeline = document.getElementById("timeline");
if (timeline) followTimeline(timeline);
setInterval(() => {
  const part = document.querySelector("[data-refresh]");
  if (!part) return;
  part.age = (part.age ?? 0) + 1;
  if (part.age >= Number(part.dataset.refresh)) {
    part.age = 0;
    refresh("[data-refresh]").catch(() => {});
  }
}, 1000);
