"use strict";
/* The station's state above every set-up page, and its pause and resume. */

const STATUS_MS = 1000;
const heard = { phase: "", sequence: null };

function showTrouble(error) {
  byId("trouble").hidden = !error;
  byId("trouble").textContent = error ? error.message : "";
}

function showStatus(told) {
  heard.phase = told.phase ?? "";
  heard.sequence = told.sequence ?? null;
  byId("phase").dataset.phase = heard.phase;
  byId("phase-word").textContent = word("phase." + heard.phase, heard.phase);
  byId("phase-why").textContent = told.why ?? "";
  document.dispatchEvent(new CustomEvent("status", { detail: told }));
}

async function askStatus() {
  try {
    const answer = await fetch("/set-up/status", { headers: { Accept: "application/json" } });
    showStatus(answer.ok ? await answer.json() : {});
  } catch { showStatus({}); }
}

/* Do something on a click, with the button out of use until it is done, and after that if `act` says so. */
function onClick(button, act) {
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    button.disabled = true;
    showTrouble(null);
    let isOver = false;
    try { isOver = await act() === true; } catch (error) { showTrouble(error); } finally { button.disabled = isOver; }
  });
}

for (const button of document.querySelectorAll("[data-station]")) {
  onClick(button, async () => { showStatus(await send("/set-up/station", { what: button.dataset.station })); });
}
wordsAreHere.then(askStatus);
setInterval(() => { if (!document.hidden) askStatus(); }, STATUS_MS);
