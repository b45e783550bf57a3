"use strict";
/* What another limit would have changed, before it takes hold. */

const box = byId("limit");
const PAUSE_MS = 250;
let asked = 0;
let wish = null;

function filled(key, values) {
  return Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), word(key));
}

function draw(shown, limit) {
  const canvas = byId("distances"), pen = canvas.getContext("2d"), { width, height } = canvas;
  const largest = 1.1 * Math.max(shown.limit, shown.calibrated, limit ?? 0, ...shown.parts.slice(0, 2000), ...shown.golden.map((part) => part.distance));
  const y = (distance) => height - height * distance / largest;
  pen.clearRect(0, 0, width, height);
  const parts = shown.parts.slice().reverse();
  parts.forEach((distance, index) => {
    pen.fillStyle = distance > (limit ?? shown.limit) ? "#ff6b76" : "#4cc38a";
    pen.fillRect(6 + (width - 12) * index / Math.max(parts.length - 1, 1) - 2, y(distance) - 2, 5, 5);
  });
  line(pen, y(shown.calibrated), width, "#a9b6c4", [4, 6], word("limit.calibrated"), width - 130);
  line(pen, y(shown.limit), width, "#ffffff", [], word("limit.now"));
  if (limit !== null) line(pen, y(limit), width, "#ffd25e", [12, 6], word("limit.new"));
}

function line(pen, y, width, colour, dashes, text, left = 8) {
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 3;
  pen.setLineDash(dashes);
  pen.beginPath();
  pen.moveTo(0, y);
  pen.lineTo(width, y);
  pen.stroke();
  pen.font = "20px sans-serif";
  pen.fillText(text, left, y > 26 ? y - 7 : y + 24);
}

function showEffect(told) {
  const lines = [];
  if (told.newly_ng) lines.push(filled("limit.more_ng", { number: told.newly_ng }) + examples(told.some_ng));
  if (told.newly_ok) lines.push(filled("limit.more_ok", { number: told.newly_ok }) + examples(told.some_ok));
  if (!lines.length) lines.push(word("limit.no_change"));
  byId("effect").replaceChildren(...[filled("limit.of_last", { parts: told.parts }), ...lines].map((text, index) => {
    const paragraph = document.createElement("p");
    paragraph.textContent = text;
    if (index) paragraph.className = "effect";
    return paragraph;
  }));
}

function examples(sequences) { return sequences.length ? ` (${word("limit.for_example")} ${sequences.slice(0, 5).join(", ")})` : ""; }

function showGolden(shown, limit) {
  byId("golden-pass").hidden = !shown.golden.some((part) => part.outcome === "NG" && part.distance <= limit);
  byId("golden-fail").hidden = !shown.golden.some((part) => part.outcome === "OK" && part.distance > limit);
}

function begin() {
  const shown = JSON.parse(box.dataset.shown);
  const slider = byId("slider"), exact = byId("exact");
  const least = shown.least * shown.calibrated, most = shown.most * shown.calibrated;
  for (const input of [slider, exact]) { input.min = least; input.max = most; }
  const show = () => {
    byId("now").textContent = number(shown.limit);
    byId("calibrated").textContent = number(shown.calibrated);
    draw(shown, wish);
  };
  const wanted = (value) => {
    wish = Number(value);
    byId("move").disabled = true;
    byId("told").textContent = "";
    const mine = ++asked;
    draw(shown, wish);
    showGolden(shown, wish);
    setTimeout(async () => {
      if (mine !== asked) return;
      const answer = await fetch("/set-up/limit/effect?limit=" + encodeURIComponent(wish), { headers: { Accept: "application/json" } });
      const told = await answer.json();
      if (mine !== asked) return;
      if (!answer.ok) { showTrouble(new Error(told.why)); return; }
      showTrouble(null);
      showEffect(told);
      byId("move").disabled = !(wish >= least && wish <= most);
    }, PAUSE_MS);
  };
  const taken = (told) => {
    shown.limit = told.limit;
    wish = null;
    byId("move").disabled = true;
    slider.value = told.limit;
    exact.value = Number(told.limit.toPrecision(6));
    byId("effect").replaceChildren();
    byId("told").textContent = `${word("limit.moved")} ${number(told.limit)}`;
    showGolden(shown, told.limit);
    show();
  };
  slider.value = shown.limit;
  exact.value = Number(shown.limit.toPrecision(6));
  slider.addEventListener("input", () => { exact.value = Number(Number(slider.value).toPrecision(6)); wanted(exact.value); });
  exact.addEventListener("input", () => { slider.value = exact.value; if (exact.value) wanted(exact.value); });
  byId("wish").addEventListener("submit", (event) => event.preventDefault());
  onClick(byId("move"), async () => { taken(await send("/set-up/limit", { limit: wish })); return true; });
  onClick(byId("back"), async () => { taken(await send("/set-up/limit", { limit: "calibrated" })); });
  showGolden(shown, shown.limit);
  show();
}

if (box) wordsAreHere.then(begin);
