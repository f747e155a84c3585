/* What the console adds where there is a script: theme, zone, live pages. Everything else works without. */
(() => {
  "use strict";
  const root = document.documentElement;
  const store = {
    get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
    set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* a private window */ } },
  };
  root.classList.add("script");
  const theme = store.get("theme");
  if (theme) root.dataset.theme = theme;

  /* Times: UTC as they came, or the reader's own zone. */
  const local = () => store.get("zone") === "local";
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const day = { day: "numeric", month: "short", year: "numeric" };
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const written = (date, dayOnly) => {
    const options = { ...day, ...(dayOnly ? {} : clock), timeZone: local() ? zone : "UTC" };
    return new Intl.DateTimeFormat("en-GB", options).format(date);
  };
  function showTimes(within) {
    for (const each of within.querySelectorAll("time[datetime]")) {
      const date = new Date(each.dateTime);
      if (isNaN(date)) continue;
      if (local() || each.dataset.moved) {
        each.textContent = written(date, "day" in each.dataset);
        each.dataset.moved = "1";
      }
      each.title = `${date.toISOString().replace("T", " ").replace(/\.\d+Z/, "")} UTC`;
    }
    for (const each of document.querySelectorAll("[data-zone]")) each.textContent = local() ? zone.split("/").pop().replace("_", " ") : "UTC";
    for (const each of document.querySelectorAll('[data-switch="zone"]')) each.setAttribute("aria-pressed", String(local()));
  }

  /* Live: one stream a browser, held by one visible tab, which passes it on to the others. */
  const REFRESH = 2000;
  const POLL = 30000;
  let channel = null, release = null, stream = null, poll = 0, last = 0, waiting = 0, stale = false, left = null, opened = [];
  const wanted = () => document.body.dataset.live === "on";
  /* Whoever is at a place of this part with the keyboard would lose it: the newer part comes when they leave it. */
  const busy = () => document.querySelector("#live :is(:focus-visible, input:focus, select:focus, textarea:focus)");
  function ask() {
    stale = Boolean(document.hidden || busy());
    if (stale || !window.htmx) return;
    htmx.trigger(document.body, "head");
    const nameless = document.querySelector("#live[data-nameless]");
    if (nameless) htmx.trigger(nameless, "names");
  }
  function refresh() {
    if (document.hidden) { stale = true; return; }
    if (waiting) return;
    const pause = Math.max(0, last + REFRESH - Date.now()) + Math.random() * 200;
    waiting = setTimeout(() => {
      waiting = 0; last = Date.now();
      ask();
    }, pause);
  }
  /* Where the ledger is, and where it was when this page was made: what came before the stream began is not missed. */
  let head = "";
  function moved(to) {
    head = to;
    if (document.body.dataset.head === to) return;
    document.body.dataset.head = to;
    refresh();
  }
  function publish(event) {
    moved(event.data);
    if (channel) channel.postMessage({ head });
  }
  function listen() {
    stream = new EventSource("/live");
    stream.addEventListener("now", publish);
    stream.addEventListener("head", publish);
    stream.addEventListener("open", () => { clearInterval(poll); poll = 0; alive(true); channel && channel.postMessage("alive"); });
    stream.addEventListener("error", () => {
      alive(false);
      if (stream && stream.readyState === EventSource.CLOSED && !poll) poll = setInterval(refresh, POLL);
    });
  }
  function alive(is) { for (const each of document.querySelectorAll(".livedot")) each.hidden = !is; root.dataset.alive = is ? "1" : ""; }
  function lead() {
    if (!wanted() || document.hidden || release || stream) return;
    if (!navigator.locks || !window.EventSource) { if (!poll) poll = setInterval(refresh, POLL); return; }
    const gone = new Promise((done) => { release = done; });
    navigator.locks.request("temple-live", () => { if (release) listen(); return gone; });
  }
  function rest() {
    if (stream) stream.close();
    clearInterval(poll);
    if (release) release();
    stream = null; release = null; poll = 0;
  }
  function begin() {
    if (window.BroadcastChannel) {
      channel = new BroadcastChannel("temple-live");
      channel.onmessage = (message) => {
        if (message.data.head) moved(message.data.head);
        else if (message.data === "alive") alive(true);
        else if (stream && stream.readyState === EventSource.OPEN) {
          channel.postMessage("alive");
          if (head) channel.postMessage({ head });
        }
      };
      channel.postMessage("is anybody listening?");
    }
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) { rest(); return; }
      lead();
      if (stale) refresh();
    });
    window.addEventListener("pagehide", rest);
    window.addEventListener("pageshow", lead);
    lead();
  }

  /* A name that was not known in time is asked for once more. */
  let asked = 0;
  function fillNames() {
    if (asked >= 2 || !document.querySelector("#live[data-nameless]")) return;
    asked += 1;
    setTimeout(ask, 1500 * asked);
  }

  function dress(within) {
    showTimes(within);
    for (const each of within.querySelectorAll("[data-copy]")) each.hidden = !navigator.clipboard;
    if (root.dataset.alive) alive(true);
    const current = document.querySelector("nav [aria-current]");
    if (current && within === document) {
      const bar = current.closest("ul");
      bar.scrollLeft = current.offsetLeft - bar.clientWidth / 2 + current.clientWidth / 2;
    }
  }
  document.addEventListener("click", (event) => {
    const target = event.target;
    const button = target.closest("[data-switch]");
    if (button && button.dataset.switch === "theme") {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      store.set("theme", root.dataset.theme);
    } else if (button) {
      store.set("zone", local() ? "utc" : "local");
      for (const each of document.querySelectorAll("time[datetime]")) each.dataset.moved = "1";
      showTimes(document);
    }
    const copied = target.closest("[data-copy]");
    if (copied) navigator.clipboard.writeText(copied.dataset.copy).then(() => {
      copied.textContent = "copied";
      setTimeout(() => { copied.textContent = "copy"; }, 1500);
    });
    const place = target.closest("[data-href]");
    if (place) location.assign(place.dataset.href);
  });
  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-times]")) return;
    const moment = document.querySelector(".moment");
    if (moment) moment.textContent = written(new Date(1000 * event.target.value), false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    const search = document.getElementById("q");
    if (search) search.focus(); else location.assign("/members#q");
  });
  document.addEventListener("focusout", () => setTimeout(() => { if (stale && !busy()) refresh(); }));
  document.addEventListener("htmx:beforeSwap", (event) => {
    const asking = event.detail.requestConfig.elt;
    if (asking.id === "live" && busy()) { event.detail.shouldSwap = false; stale = true; }
    left = asking.id === "live" ? null : document.activeElement;
    opened = [...document.querySelectorAll("#live details[open] > summary")].map((each) => each.textContent);
  });
  document.addEventListener("htmx:afterSwap", () => {
    /* A link of the part that went: its reader goes on at the new part. */
    if (left && !left.isConnected && document.activeElement === document.body) document.getElementById("main").focus({ preventScroll: true });
    for (const each of document.querySelectorAll("#live details > summary")) if (opened.includes(each.textContent)) each.parentElement.open = true;
  });
  document.addEventListener("htmx:afterSwap", () => { dress(document.getElementById("live") || document); fillNames(); });
  document.addEventListener("DOMContentLoaded", () => {
    for (const each of document.querySelectorAll(".switches")) each.hidden = false;
    dress(document);
    if (location.hash === "#q") document.getElementById("q")?.focus();
    begin();
    fillNames();
  });
})();
