"use strict";
/* Each wire for a moment; triggers counted as they come. */

let first = null;
let last = null;

for (const button of document.querySelectorAll("[data-wire]")) {
  onClick(button, async () => {
    const told = button.parentElement.querySelector(".told");
    told.textContent = "…";
    try {
      const answer = await send("/set-up/wires", { wire: button.dataset.wire });
      told.textContent = word(answer.was_on && answer.is_off ? "wires.on_off" : "wires.wrong");
    } catch (error) { told.textContent = ""; throw error; }
  });
}

document.addEventListener("status", (event) => {
  const sequence = event.detail.sequence;
  if (sequence === undefined) return;
  first ??= sequence;
  if (last !== null && sequence > last) byId("seen-at").textContent = new Date().toLocaleTimeString(language);
  last = sequence;
  byId("seen").textContent = sequence - first;
});

if (byId("fire")) {
  onClick(byId("fire"), async () => {
    const told = await send("/set-up/trigger");
    byId("fired").textContent = `${word("outcome." + told.outcome)} · ${word("reason." + told.reason, told.reason)}`;
  });
}
