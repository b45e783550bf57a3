"use strict";
/* A comparison is started here, and shown when it is done. */

const comparison = byId("compare");
const LOOK_MS = 1000;

async function lookAgain() {
  const answer = await fetch(`/set-up/models/${comparison.dataset.serial}/state${comparison.dataset.of}`, { headers: { Accept: "application/json" } }).catch(() => null);
  const told = answer?.ok ? await answer.json() : null;
  if (!told || told.is_running) { setTimeout(lookAgain, LOOK_MS); return; }
  if (told.trouble) { showTrouble(new Error(told.trouble)); byId("rejudging").textContent = ""; byId("rejudge").disabled = false; } else location.reload();
}

onClick(byId("rejudge"), async () => {
  await send(`/set-up/models/${comparison.dataset.serial}/rejudge${comparison.dataset.of}`);
  byId("rejudging").textContent = word("compare.running");
  setTimeout(lookAgain, LOOK_MS);
  return true;
});
if (comparison.dataset.running) lookAgain();
