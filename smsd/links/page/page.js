// Keeps the page as it would be if it were loaded anew every two seconds: it is, and what differs is taken over.
// The server writes all HTML; nothing is put together here.
"use strict";

const EVERY = 2000; // milliseconds between an answer and the next question
const PATIENCE = 5000; // milliseconds that an answer may take
const silence = document.getElementById("silence");
const filter = document.querySelector("form[role=search]");
let answeredAt = Date.now();
let asking = null;
let next = 0;

/** Makes `old` like `fresh`, touching only what differs, so that focus, selection and scrolling stay. */
function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  let place = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    const kept = counterpart(old, place, child);
    if (kept === null) {
      old.insertBefore(child, place);
    } else {
      if (kept === place) place = place.nextSibling;
      else old.insertBefore(kept, place);
      morph(kept, child);
    }
  }
  while (place !== null) {
    const gone = place;
    place = place.nextSibling;
    gone.remove();
  }
}

/** What in `old` corresponds to `child`: by its id wherever it is, else what has come to this place. */
function counterpart(old, place, child) {
  if (child.id) {
    const found = document.getElementById(child.id);
    return found !== null && found.parentNode === old ? found : null;
  }
  return place !== null && !place.id ? place : null;
}

async function look() {
  clearTimeout(next);
  if (asking !== null) asking.abort();
  const mine = (asking = new AbortController());
  const late = setTimeout(() => mine.abort("late"), PATIENCE);
  try {
    const answer = await fetch(location.href, { signal: mine.signal, cache: "no-store" });
    const text = await answer.text();
    const fresh = new DOMParser().parseFromString(text, "text/html");
    if (!answer.ok || fresh.querySelector("main") === null) throw new Error(`answered ${answer.status}`);
    if (mine === asking) take(fresh);
  } catch (error) {
    if (mine === asking) missed();
  } finally {
    clearTimeout(late);
  }
  if (mine === asking && !document.hidden) next = setTimeout(look, EVERY);
}

function take(fresh) {
  const root = document.documentElement;
  if (fresh.documentElement.dataset.version !== root.dataset.version) location.reload(); // another smsd, another script
  root.dataset.offset = fresh.documentElement.dataset.offset;
  answeredAt = Date.now();
  silence.hidden = true;
  document.title = fresh.title;
  const focused = document.activeElement;
  morph(document.querySelector("main"), fresh.querySelector("main"));
  if (focused.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true }); // its row has moved
}

function missed() {
  if (!silence.hidden) return;
  const here = new Date(answeredAt + 1000 * document.documentElement.dataset.offset); // in the daemon's zone
  silence.textContent = `smsd does not answer since ${here.toISOString().slice(11, 19)}. Below is what was then.`;
  silence.hidden = false;
  document.title = `no answer · ${document.title}`;
}

/** What the reader chooses stands in the address: it survives a reload, and can be sent to somebody. */
function choose(change) {
  const address = new URL(location.href);
  change(address.searchParams);
  history.replaceState(null, "", address);
  look();
}

function toggle(chosen, name) {
  const opened = new Set((chosen.get("open") ?? "").split(",").filter(Boolean));
  if (!opened.delete(name)) opened.add(name);
  if (opened.size) chosen.set("open", [...opened].join(","));
  else chosen.delete("open");
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-toggle], a[data-set]");
  if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  choose((chosen) => (link.dataset.set ? chosen.set(link.dataset.set, "1") : toggle(chosen, link.dataset.toggle)));
});
filter.addEventListener("submit", (event) => event.preventDefault());
filter.addEventListener("input", () => {
  const sought = filter.elements.q.value.trim();
  choose((chosen) => (sought ? chosen.set("q", sought) : chosen.delete("q")));
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(next);
  else look();
});
next = setTimeout(look, EVERY);
