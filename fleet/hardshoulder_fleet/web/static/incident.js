// Keeps one incident's page fresh: the list's events say that something has changed, and the page is asked for again.
const line = document.getElementById("line");
const events = new EventSource("/operator/events");

// Each answer signs its forms anew; that alone is no news.
const told = (piece) => piece.innerHTML.replace(/name="form" value="[^"]*"/g, "");
const shown = new Map();
for (const piece of document.querySelectorAll("[data-live]")) shown.set(piece.dataset.live, told(piece));

// A note that is being written, or terms that are being read, stay.
const inUse = (piece) =>
  piece.contains(document.activeElement) || piece.querySelector("details[open]") || piece.querySelector("[name=note]")?.value;

// Whether somebody's work on this piece kept it as it was.
function keeps(piece) {
  const name = piece.dataset.live;
  if (shown.get(name) === told(piece)) return false;
  const here = document.querySelector(`[data-live="${name}"]`);
  if (inUse(here)) return true;
  here.innerHTML = piece.innerHTML;
  shown.set(name, told(piece));
  return false;
}

async function look() {
  const answer = await fetch(location.href, { cache: "no-store" });
  if (!answer.ok) return location.reload();
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const kept = [...fresh.querySelectorAll("[data-live]")].filter(keeps);
  if (kept.length) say("The buttons have changed meanwhile; reload before you use them.", "lost");
  else say("Live", "live");
}

function say(text, look) {
  line.textContent = text;
  line.className = look;
}

const lost = () => say("Connection lost. This page may be old; trying again.", "lost");
events.addEventListener("board", () => look().catch(lost));
events.onerror = lost;
