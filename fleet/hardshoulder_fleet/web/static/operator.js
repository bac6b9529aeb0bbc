// Keeps the list fresh: the server sends its HTML again whenever something has changed.
const board = document.getElementById("board");
const line = document.getElementById("line");
const events = new EventSource("/operator/events");

events.addEventListener("board", (event) => {
  const focused = document.activeElement?.id;
  board.innerHTML = event.data;
  // New rows must not take the keyboard away from somebody who is on one.
  if (focused) document.getElementById(focused)?.focus();
  const urgent = Number(board.querySelector("[data-urgent]").dataset.urgent);
  document.title = urgent ? `(${urgent}) Hardshoulder` : "Hardshoulder";
});
events.onopen = () => {
  line.textContent = "Live";
  line.className = "live";
};
events.onerror = () => {
  line.textContent = "Connection lost. This list may be old; trying again.";
  line.className = "lost";
};
