// This script does what links and forms can't: it refreshes the page when the sandbox reports a
// change, submits forms without leaving the page, and copies commands. It makes no HTML of its own,
// and takes none except the sandbox's.
"use strict";

document.documentElement.classList.add("js"); // shows what needs JavaScript

const byID = (id) => document.getElementById(id);
const pause = 300; // ms between two requests of refresh

// page fetches one of the sandbox's pages, parsed; its scripts do not run.
function page(method, url, form) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.responseType = "document";
    request.onload = () => request.response ? resolve({ doc: request.response, url: request.responseURL }) : reject();
    request.onerror = reject;
    request.send(form);
  });
}

// The server writes times in its own zone, and the page shows them in the browser's.
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZoneName: "short" });
function localize(doc) {
  for (const time of doc.querySelectorAll("time")) {
    time.textContent = ("date" in time.dataset ? date : clock).format(new Date(time.dateTime));
  }
}

// merge updates each live part from the new page, and leaves elements alone that are equal. The
// scroll position, the focus and open details stay.
function merge(doc) {
  localize(doc);
  const focused = document.activeElement && document.activeElement.id;
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = doc.getElementById(part.id);
    if (next) mergeChildren(part, next);
  }
  if (focused && document.activeElement === document.body && byID(focused)) byID(focused).focus();
}

function mergeChildren(part, next) {
  const had = part.childElementCount > 0;
  const old = new Map();
  for (const child of part.children) if (child.id) old.set(child.id, child);
  const wanted = [];
  for (const child of next.children) {
    for (const open of document.querySelectorAll("[data-live] details[open]")) {
      const same = child.querySelector("#" + CSS.escape(open.id));
      if (same) same.open = true;
    }
    const known = old.get(child.id);
    if (known && known.isEqualNode(child)) { wanted.push(known); continue; }
    const made = document.importNode(child, true);
    if (!known && had && child.id) arrive(made);
    wanted.push(made);
  }
  let at = 0;
  for (const child of wanted) {
    if (part.children[at] !== child) part.insertBefore(child, part.children[at] || null);
    at++;
  }
  while (part.children.length > at) part.lastElementChild.remove();
}

function arrive(made) {
  made.classList.add("new");
  made.addEventListener("animationend", () => {
    made.classList.remove("new");
    if (!made.className) made.removeAttribute("class"); // or it would not be equal to the next one
  }, { once: true });
}

// refresh brings the page up to date, once at a time and not too often.
let asking = false, again = false;
async function refresh() {
  if (asking) { again = true; return; }
  asking = true;
  const low = atBottom();
  try {
    merge((await page("GET", location.href)).doc);
    if (low) toBottom();
  } catch { /* the next event asks again */ }
  setTimeout(() => { asking = false; if (again) { again = false; refresh(); } }, pause);
}

// A conversation is read from its end.
const scroller = () => getComputedStyle(byID("detail")).overflowY === "auto" ? byID("detail") : document.scrollingElement;
const atBottom = () => byID("bubbles") && scroller().scrollHeight - scroller().scrollTop - scroller().clientHeight < 40;
const toBottom = () => { scroller().scrollTop = scroller().scrollHeight; };

// announce reports arrivals to screen readers, at most every 2 seconds.
let seen = null, latest = 0, telling = null;
function announce(messages) {
  if (seen === null || messages < seen) seen = messages;
  latest = messages;
  if (messages === seen || telling) return;
  telling = setTimeout(() => {
    telling = null;
    const n = latest - seen;
    seen = latest;
    if (n > 0) byID("arrivals").textContent = n === 1 ? "1 new message" : n + " new messages";
  }, 2000);
}

// Events come while the page is visible: a browser opens few connections to one host.
let events = null;
function listen() {
  if (document.hidden) {
    if (events) events.close();
    events = null;
    return;
  }
  if (events) return;
  events = new EventSource("/events");
  events.onopen = () => live(true);
  events.onerror = () => live(false);
  events.onmessage = (event) => {
    announce(JSON.parse(event.data).messages);
    refresh();
  };
}

function live(on) {
  byID("live").hidden = false;
  byID("live").classList.toggle("lost", !on);
  byID("live-words").textContent = on ? "live" : "sandbox not reached";
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form, event.submitter));
  body.set("back", location.pathname + location.search);
  try {
    const got = await page("POST", form.action, body);
    if (form.action.endsWith("/clear")) { location.assign(got.url); return; }
    merge(got.doc);
  } catch {
    live(false);
  }
});

// A search shows its results while the user types or chooses.
let typing = null;
const search = byID("search");
if (search) {
  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      const url = new URL(location.href);
      for (const name of ["q", "status", "skip", "notice"]) url.searchParams.delete(name);
      for (const name of ["q", "status"]) {
        const value = byID(name).value.trim();
        if (value) url.searchParams.set(name, value);
      }
      history.replaceState(null, "", url);
      refresh();
    }, 200);
  });
}

// Copy buttons. A page of another machine has no clipboard API.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = byID(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    getSelection().selectAllChildren(source);
    if (!document.execCommand("copy")) return; // the text stays selected
  }
  button.textContent = "Copied";
  byID("arrivals").textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

document.addEventListener("visibilitychange", listen);
addEventListener("pagehide", () => { if (events) events.close(); events = null; });
addEventListener("pageshow", listen);
localize(document);
listen();
if (byID("bubbles") && !location.hash) toBottom();
