"use strict";
/* Models: upload in pieces that go on where they broke off, let one judge, take it back. */

const PIECE_BYTES = 60000;
const PROBATION_MS = 2000;

function filledIn(key, values) {
  return Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), word(key));
}

async function sendPiece(id, offset, piece) {
  const answer = await fetch(`/set-up/models/piece?id=${id}&offset=${offset}`, {
    method: "POST",
    headers: {
      "X-CSRF-Token": document.querySelector("meta[name=token]").content,
      "Accept": "application/json",
      "Content-Type": "application/octet-stream",
    },
    body: piece,
  });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.why ?? word("refused.broken"));
  return told.here;
}

async function upload(file) {
  const bar = byId("sent");
  const { id, here } = await send("/set-up/models/begin", { name: file.name, size: file.size, modified: file.lastModified });
  bar.hidden = false;
  let at = here;
  while (at < file.size) {
    bar.value = at / file.size;
    byId("uploaded").textContent = `${word("models.sending")}: ${(at / 1e6).toFixed(1)} / ${(file.size / 1e6).toFixed(1)} MB`;
    at = await sendPiece(id, at, file.slice(at, at + PIECE_BYTES));
  }
  bar.value = 1;
  byId("uploaded").textContent = word("models.trying");
  const told = await send("/set-up/models/install", { id });
  return filledIn("models.waits", { serial: told.serial, p99: told.p99_ms.toFixed(0), budget: told.budget_ms.toFixed(0) });
}

/* The first press asks, the second does. */
function onSecondPress(button, question, act) {
  const words = button.textContent;
  let isAsked = false;
  onClick(button, async () => {
    if (!isAsked) {
      isAsked = true;
      button.textContent = question;
      setTimeout(() => { isAsked = false; button.textContent = words; }, 6000);
      return;
    }
    await act();
    location.reload();
  });
}

async function showProbation() {
  const answer = await fetch("/set-up/models/probation" + byId("models").dataset.of, { headers: { Accept: "application/json" } }).catch(() => null);
  const counts = answer?.ok ? (await answer.json()).probation : null;
  byId("probation").hidden = !counts;
  if (counts) byId("probation").textContent = `${word("models.probation")}: ${filledIn("models.probation_counts", counts)}`;
}

function beginModels() {
  const of = byId("models").dataset.of;
  byId("upload").addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = byId("send");
    button.disabled = true;
    showTrouble(null);
    try {
      byId("uploaded").textContent = await upload(byId("file").files[0]);
      setTimeout(() => location.reload(), 3000);
    } catch (error) {
      byId("uploaded").textContent = "";
      showTrouble(error);
    } finally { button.disabled = false; byId("sent").hidden = true; }
  });
  for (const button of document.querySelectorAll("[data-serial]")) {
    const older = button.dataset.older;
    onSecondPress(button, word(older ? "models.older" : "models.sure"),
      () => send("/set-up/models/activate" + of, { serial: button.dataset.serial, may_be_older: older, may_pass_more: byId("fewer").checked ? "yes" : "" }));
  }
  onSecondPress(byId("rollback"), word("models.sure"), () => send("/set-up/models/rollback" + of));
  const shadow = byId("shadow");
  if (shadow) onClick(shadow, async () => { await send("/set-up/models/shadow" + of, { on: shadow.dataset.on }); location.reload(); });
  showProbation();
  setInterval(() => { if (!document.hidden) showProbation(); }, PROBATION_MS);
}

if (byId("models")) wordsAreHere.then(beginModels);
