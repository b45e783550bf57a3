"use strict";
/* Pictures of good parts: from the next triggers, or one by one. */

let isSure = false;

async function showState() {
  const answer = await fetch("/set-up/teach/state", { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const told = await answer.json(), before = Number(byId("number").textContent);
  byId("number").textContent = told.pictures;
  if (told.newest && told.pictures > before) addPicture(told.newest);
}

function addPicture(name) {
  const item = document.createElement("li"), image = document.createElement("img"), button = document.createElement("button");
  image.src = `/set-up/teach/picture/${name}?small`;
  image.alt = name;
  button.type = "button";
  button.dataset.remove = name;
  button.textContent = word("teach.remove");
  button.setAttribute("aria-label", `${word("teach.remove")} ${name}`);
  listen(button);
  item.append(image, button);
  document.querySelector(".pictures").prepend(item);
}

function listen(button) {
  onClick(button, async () => {
    await send("/set-up/teach/remove", { name: button.dataset.remove });
    button.parentElement.remove();
    await showState();
  });
}

document.querySelectorAll("[data-remove]").forEach(listen);
byId("next").addEventListener("submit", async (event) => {
  event.preventDefault();
  showTrouble(null);
  try {
    await send("/set-up/teach", { parts: byId("parts").value });
    byId("next-told").textContent = word("teach.is_on");
  } catch (error) { showTrouble(error); }
});
onClick(byId("end"), async () => {
  await send("/set-up/teach", { parts: 0 });
  byId("next-told").textContent = "";
});
onClick(byId("keep"), async () => {
  const told = await send("/set-up/camera", { kept: "yes" });
  byId("live").hidden = false;
  await drawPicture(byId("live"), told.jpeg);
  byId("keep-told").textContent = told.kept;
  await showState();
});
onClick(byId("remove-all"), async () => {
  const button = byId("remove-all");
  if (!isSure) {
    isSure = true;
    button.textContent = word("teach.remove_sure");
    setTimeout(() => { isSure = false; button.textContent = word("teach.remove_all"); }, 4000);
    return;
  }
  await send("/set-up/teach/remove", { name: "all" });
  location.reload();
});
setInterval(() => { if (!document.hidden) showState(); }, 1000);
