"use strict";
/* Shows what the server says, and says so when it says nothing. */

const SILENCE_MS = 1500;   // together with the server's own patience a dead core is seen within 2 seconds
const THUMBNAILS = 16;
const MARK_AT = 2 / 3;     // where the limit stands on a bar

let station = null;
let last = null;
let heardAt = 0;

function labelWords(label) {
  if (!label) return "";
  const [, kind, address] = label.match(/^(.*?)(?:_(\d+))?$/);
  return [word("label." + kind, kind.replaceAll("_", " ")), address].filter(Boolean).join(" ");
}

function showBar(id, value, limit, unit) {
  const bar = byId(id + "-bar");
  const isKnown = value !== null && limit !== null;
  byId(id + "-number").textContent = value === null ? "–" : number(value) + unit;
  byId(id + "-limit").textContent = limit === null ? "–" : number(limit) + unit;
  bar.querySelector(".fill").style.width = isKnown ? Math.min(100, 100 * MARK_AT * value / limit) + "%" : "0";
  bar.classList.toggle("is-over", isKnown && value > limit);
}

function showVerdict(part) {
  const box = byId("verdict");
  box.dataset.outcome = part.outcome;
  byId("verdict-shape").setAttribute("href", "#shape-" + part.outcome);
  byId("verdict-word").textContent = word("outcome." + part.outcome);
  byId("verdict-sense").textContent = word("sense." + part.outcome);
  byId("verdict-label").textContent = part.outcome === "NG" ? labelWords(part.label) : "";
  byId("verdict-reason").textContent = word("reason." + part.reason, part.reason);
  byId("verdict-detail").textContent = part.detail;
  const time = new Date(part.wall_ms).toLocaleTimeString(document.documentElement.lang);
  byId("verdict-part").textContent = `${word("part")} ${part.sequence} · ${time}`;
}

function showPicture(part) {
  const picture = byId("picture");
  picture.hidden = !part.has_picture;
  byId("no-picture").hidden = part.has_picture;
  byId("cell").hidden = true;
  if (!part.has_picture) { picture.removeAttribute("src"); return; }
  picture.onload = () => {
    byId("frame").style.setProperty("--shape", picture.naturalWidth / picture.naturalHeight);
    showCell(part);
  };
  picture.src = "/picture/" + part.sequence;
}

function showCell(part) {
  const isShown = part.cell !== null && part.outcome === "NG" && part === last;
  const cell = byId("cell");
  cell.hidden = !isShown;
  if (!isShown) return;
  const [row, column] = part.cell, [rows, columns] = part.grid;
  const grow = 1.8;  // cells around it, so that the outline does not hide what it shows
  cell.style.top = 100 * (row - grow) / rows + "%";
  cell.style.left = 100 * (column - grow) / columns + "%";
  cell.style.height = 100 * (1 + 2 * grow) / rows + "%";
  cell.style.width = 100 * (1 + 2 * grow) / columns + "%";
}

function showPart(part) {
  last = part;
  document.body.classList.remove("is-waiting");
  showVerdict(part);
  showPicture(part);
  showBar("distance", part.distance, part.limit, "");
  showBar("takt", part.takt_ms, station && station.deadline_ms, " ms");
}

function addThumbnail(part) {
  const item = document.createElement("li");
  item.dataset.outcome = part.outcome;
  item.dataset.sequence = part.sequence;
  item.title = word("reason." + part.reason, part.reason);
  if (part.has_picture) {
    const image = document.createElement("img");
    image.alt = "";
    image.src = "/picture/" + part.sequence;
    item.append(image);
  } else {
    const none = document.createElement("div");
    none.className = "none";
    none.textContent = word("no_picture");
    item.append(none);
  }
  const caption = document.createElement("p");
  caption.append(shape(part.outcome), `${part.sequence}`);
  item.append(caption);
  const strip = byId("strip");
  strip.prepend(item);
  while (strip.children.length > THUMBNAILS) strip.lastElementChild.remove();
}

function showStation() {
  if (station === null) return;
  const phase = station.is_alive ? station.phase : "";
  byId("phase").dataset.phase = phase;
  byId("phase-word").textContent = word("phase." + phase, phase);
  const isModel = station.model_serial !== null;
  byId("model-name").textContent = isModel
    ? `${station.model_product} ${station.model_serial} · ${station.model_sha256}` : word("no_model");
  const why = station.is_alive && station.phase !== "Ready" && station.phase !== "Executing" ? station.why : "";
  byId("why").hidden = !why;
  byId("why").textContent = why;
}

function showLife() {
  const isStale = performance.now() - heardAt > SILENCE_MS || (station !== null && !station.is_alive);
  byId("stale").hidden = !isStale;
  document.body.classList.toggle("is-stale", isStale);
  document.title = (isStale ? "! " : "") + document.title.replace(/^! /, "");
}

function listen() {
  const source = new EventSource("/events");
  const on = (kind, show) => source.addEventListener(kind, (event) => {
    heardAt = performance.now();
    show(JSON.parse(event.data));
    showLife();
  });
  on("part", (part) => { showPart(part); addThumbnail(part); });
  on("counts", (counts) => {
    for (const outcome of ["OK", "NG", "FAULT"]) byId("count-" + outcome).textContent = counts[outcome] ?? 0;
  });
  on("station", (state) => { station = state; showStation(); });
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  };
}

heardAt = performance.now();
wordsAreHere.then(listen);
setInterval(showLife, 250);
