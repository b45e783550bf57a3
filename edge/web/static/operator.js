"use strict";
/* Shows what the server says of the line now, and says so when it says nothing. */

const SILENCE_MS = 1500;   // together with the server's own patience a dead core is seen within 2 seconds
const THUMBNAILS = 16;
const MARK_AT = 2 / 3;     // where the limit stands on a bar
const SAY_EVERY_MS = 3000; // good parts in a row; what is not OK is always said
const WORKING = ["Ready", "Executing"];

let station = null;        // what the core last said
let last = null;           // the last part
let heardAt = performance.now();
let saidAt = -SAY_EVERY_MS;
let clockAheadMs = 0;      // of the station's clock, against this one
let pictures = [];         // [image, address] still to be fetched, one at a time: a slow link never has a heap of them
let isFetching = false;

/* One of the three outcomes; or STALE, or NOT_READY, which no outcome may outshine. */
function call() {
  if (isStale()) return "STALE";
  if (station !== null && !WORKING.includes(station.phase)) return "NOT_READY";
  return last === null ? "" : last.outcome;
}

function isStale() {
  return performance.now() - heardAt > SILENCE_MS || (station !== null && !station.is_alive);
}

function showCall() {
  const shown = call(), box = byId("verdict"), isVerdict = last !== null && shown === last.outcome;
  document.body.classList.toggle("is-stale", shown === "STALE");
  byId("stale").hidden = shown !== "STALE";
  document.title = document.title.replace(/^(! )?/, shown === "STALE" || shown === "NOT_READY" ? "! " : "");
  if (box.dataset.outcome === shown && box.dataset.part === String(last?.sequence)) return;
  box.dataset.outcome = shown;
  box.dataset.part = last?.sequence;
  byId("verdict-shape").setAttribute("href", "#shape-" + shown);
  byId("verdict-word").textContent = shown ? word("outcome." + shown) : "–";
  byId("verdict-sense").textContent = shown ? word("sense." + shown) : word("waiting");
  byId("verdict-label").textContent = isVerdict && last.outcome === "NG" ? labelWords(last.label) : "";
  byId("verdict-reason").textContent = isVerdict ? word("reason." + last.reason, last.reason) : lastKnown();
  byId("verdict-detail").textContent = isVerdict ? last.detail : "";
  if (last === null) return;
  byId("verdict-link").href = "/part/" + last.sequence;
  byId("verdict-link").textContent = `${word("part")} ${last.sequence} · ${last.time}`;
}

function lastKnown() { return last === null ? "" : `${word("last_known")} ${word("outcome." + last.outcome)}`; }

function showAge() {
  if (last === null) return;
  const seconds = Math.max(0, Math.round((Date.now() + clockAheadMs - last.wall_ms) / 1000));
  const [count, unit] = seconds < 100 ? [seconds, "s"] : seconds < 6000 ? [Math.round(seconds / 60), "min"]
    : [Math.round(seconds / 3600), "h"];
  byId("verdict-age").textContent = word("age." + unit).replace("{}", count);
}

function showBar(id, share, shown, limit) {
  const bar = byId(id + "-bar");
  byId(id + "-number").textContent = shown ?? "–";
  byId(id + "-limit").textContent = limit ?? "–";
  bar.querySelector(".fill").style.width = share === null ? "0" : Math.min(100, 100 * MARK_AT * share) + "%";
  bar.classList.toggle("is-over", share !== null && share > 1);
}

function showBars(part) {
  const isJudged = part.distance !== null && part.limit;
  const share = isJudged ? part.distance / part.limit : null;
  showBar("distance", share, isJudged ? percent(share) : null, isJudged ? number(part.limit) : null);
  byId("distance-raw").textContent = isJudged ? `${word("distance_short")} ${number(part.distance)}` : "";
  const deadline = station?.deadline_ms ?? null;
  const isTimed = part.takt_ms !== null;
  showBar("takt", isTimed && deadline ? part.takt_ms / deadline : null,
    isTimed ? number(part.takt_ms) + " ms" : null, deadline ? number(deadline) + " ms" : null);
}

function showPicture(part) {
  const picture = byId("picture");
  byId("outline").toggleAttribute("hidden", true);
  if (!part.has_picture) { picture.hidden = true; byId("no-picture").hidden = false; return; }
  fetchPicture(picture, part.sequence, () => {
    if (part !== last) return;
    byId("frame").style.setProperty("--shape", picture.naturalWidth / picture.naturalHeight);
    picture.hidden = false;
    byId("no-picture").hidden = true;
    if (part.outcome === "NG" && part.cell !== null) showOutline(part);
  });
}

async function showOutline(part) {
  const map = await loadMap(part.sequence);
  if (map === null || part !== last) return;
  drawOutline(byId("outline"), map);
  byId("outline").toggleAttribute("hidden", false);
}

function fetchPicture(image, sequence, onload) {
  pictures = pictures.filter(([waiting]) => waiting !== image && waiting.isConnected);
  image.onload = onload ?? null;
  pictures.push([image, "/picture/" + sequence]);
  fetchNext();
}

/* The big picture before the thumbnails, new thumbnails before old ones. */
function fetchNext() {
  if (isFetching || pictures.length === 0) return;
  const big = pictures.findIndex(([image]) => image.id === "picture");
  const [[image, address]] = pictures.splice(big >= 0 ? big : pictures.length - 1, 1);
  const done = () => { isFetching = false; fetchNext(); };
  isFetching = true;
  image.addEventListener("load", done, {once: true});
  image.addEventListener("error", done, {once: true});
  image.src = address;
}

function addThumbnail(part) {
  const item = document.createElement("li"), link = document.createElement("a");
  const image = document.createElement(part.has_picture ? "img" : "span");
  const name = document.createElement("span");
  item.dataset.outcome = part.outcome;
  link.href = "/part/" + part.sequence;
  link.title = word("reason." + part.reason, part.reason);
  link.setAttribute("aria-label", `${word("part")} ${part.sequence} ${word("outcome." + part.outcome)}`);
  if (part.has_picture) image.alt = ""; else { image.className = "none"; image.textContent = word("no_picture"); }
  name.className = "name";
  name.append(shape(part.outcome), String(part.sequence));
  link.append(image, name);
  item.append(link);
  const strip = byId("strip");
  strip.prepend(item);
  while (strip.children.length > THUMBNAILS) strip.lastElementChild.remove();
  if (part.has_picture) fetchPicture(image, part.sequence);
}

function say(part) {
  const now = performance.now();
  if (part.outcome === "OK" && now - saidAt < SAY_EVERY_MS) return;
  saidAt = now;
  const what = part.outcome === "NG" ? labelWords(part.label) : "";
  byId("said").textContent = [`${word("part")} ${part.sequence}`, word("outcome." + part.outcome), what].join(" ");
}

function showParts(parts) {
  for (const part of parts) addThumbnail(part);
  last = parts[parts.length - 1];
  document.body.classList.remove("is-waiting");
  showCall();
  showAge();
  showBars(last);
  showPicture(last);
  say(parts.findLast((part) => part.outcome !== "OK") ?? last);
}

function showStation(state) {
  station = state;
  clockAheadMs = state.wall_ms - Date.now();
  const phase = state.is_alive ? state.phase : "";
  byId("phase").dataset.phase = phase;
  byId("phase-word").textContent = word("phase." + phase, phase);
  byId("model-name").textContent = state.model_serial === null
    ? word("no_model") : `${state.model_product} ${state.model_serial} · ${state.model_sha256}`;
  const why = state.is_alive && !WORKING.includes(phase) ? state.why[document.documentElement.lang] || word("phase." + phase) : "";
  const program = byId("program");
  if (program.dataset.kinds !== undefined) offerKinds(program, state);
  if (document.activeElement !== program) program.value = String(state.program ?? "");
  showCheck(state.is_alive ? state.check : null);
  byId("trouble").hidden = !why || !byId("check").hidden;
  if (byId("why").textContent !== why) byId("why").textContent = why;
  const reset = byId("reset");
  if (reset !== null) reset.hidden = phase !== "Halted";
}

/* Where the model may hold several kinds: all of them, or one. Another model may hold others. */
function offerKinds(program, state) {
  const kinds = JSON.stringify(state.kinds);
  byId("programs").hidden = state.program === null;
  if (program.dataset.kinds === kinds) return;
  program.dataset.kinds = kinds;
  const any = state.kinds.length > 0 ? word("program.any") : "0";
  const texts = [any, ...state.kinds.map((kind, place) => `${place + 1}: ${kind}`)];
  program.replaceChildren(...texts.map((text, number) => new Option(text, String(number))));
}

/* What the shift check wants next, and what came of the piece before. */
function showCheck(check) {
  byId("check").hidden = !check;
  if (!check) return;
  const fill = (text, ...values) => values.reduce((filled, value) => filled.replace("{}", value), text);
  byId("check-title").textContent = fill(word("check.title"), check.piece, check.pieces);
  byId("check-what").textContent = fill(word("check.put." + check.outcome), labelWords(check.label) || word("check.any"));
  const last = check.last_outcome ? fill(word(check.is_failed ? "check.failed" : "check.passed"), word("outcome." + check.last_outcome)) : "";
  byId("check-last").textContent = check.is_failed ? `${last} (${check.last})` : last;
  byId("check").classList.toggle("is-failed", check.is_failed);
}

function askCheck(button, what) {
  button?.addEventListener("click", async () => {
    button.disabled = true;
    try { await send("/shift-check", {what}); } catch (error) { byId("check-last").textContent = error.message; }
    button.disabled = false;
  });
}

function showCounts(counts) {
  for (const key of ["ok", "ng", "fault", "late", "busy"]) byId("count-" + key).textContent = counts[key];
  const judged = counts.ok + counts.ng;
  byId("count-ng_share").textContent = judged ? (100 * counts.ng / judged).toFixed(1) + " %" : "–";
  byId("shift").textContent = word("counts_since").replace("{}", counts.since);
}

function listen() {
  const source = new EventSource("/events");
  const on = (kind, show) => source.addEventListener(kind, (event) => {
    heardAt = performance.now();
    show(JSON.parse(event.data));
    showCall();
  });
  on("station", showStation);
  on("parts", showParts);
  on("counts", showCounts);
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  };
}

function enlarge(isEnlarged) {
  document.body.classList.toggle("is-enlarged", isEnlarged);
  byId("enlarge").setAttribute("aria-pressed", isEnlarged);
  localStorage.setItem("is-enlarged", isEnlarged ? "yes" : "");
}

byId("reset")?.addEventListener("click", () => {
  send("/set-up/station", {what: "reset"}).catch((error) => { byId("why").textContent = error.message; });
});
byId("program").addEventListener("change", async (event) => {
  const said = byId("program-trouble");
  said.textContent = "";
  try { await send("/program", {number: event.target.value}); } catch (error) { said.textContent = error.message; }
  event.target.blur();
});
askCheck(byId("check-piece"), "piece");
askCheck(byId("check-begin"), "begin");
byId("enlarge").addEventListener("click", () => enlarge(!document.body.classList.contains("is-enlarged")));
if (localStorage.getItem("is-enlarged")) enlarge(true);
wordsAreHere.then(() => { heardAt = performance.now(); listen(); });
setInterval(() => { showCall(); showAge(); }, 250);
