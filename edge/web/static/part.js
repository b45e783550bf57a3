"use strict";
/* Draws over a part's picture, and over the good part beside it, where the map differs from good: on one fixed scale. */

const figures = [...document.querySelectorAll("#pair figure")];

/* From clear over orange to bright yellow: brighter is farther, also for those who do not see colours. */
function colourOf(level) {
  const share = Math.max(0, (level - levelOf(CONSPICUOUS)) / (255 - levelOf(CONSPICUOUS)));
  return level < levelOf(CONSPICUOUS) ? [0, 0, 0, 0]
    : [180 + 75 * share, 40 + 200 * share, 20 + 60 * share, 140 + 60 * share];
}

function paintHeat(canvas, map) {
  canvas.width = map.columns;
  canvas.height = map.rows;
  const context = canvas.getContext("2d"), image = context.createImageData(map.columns, map.rows);
  map.levels.forEach((level, place) => image.data.set(colourOf(level), 4 * place));
  context.putImageData(image, 0, 0);
}

function paintScale(canvas) {
  const context = canvas.getContext("2d"), image = context.createImageData(256, 1), least = levelOf(CONSPICUOUS);
  for (let x = 0; x < 256; x += 1) image.data.set(colourOf(least + (255 - least) * x / 255), 4 * x);
  context.putImageData(image, 0, 0);
}

function choose(kind) {
  document.getElementById("story").dataset.overlay = kind;
  byId("scale").hidden = kind !== "heat";
}

async function draw(figure) {
  const frame = figure.querySelector(".frame");
  if (frame === null) return;
  const map = await loadMap(figure.dataset.sequence);
  if (map === null) return;
  paintHeat(frame.querySelector(".heat"), map);
  // The outline shows the strongest cell however weak it is; of a part that is not NG that would say too much.
  const isNg = figure === figures[0] && byId("story").dataset.outcome === "NG";
  if (isNg || Math.max(...map.levels) >= levelOf(CONSPICUOUS)) drawOutline(frame.querySelector(".outline"), map);
}

if (byId("overlay") !== null) {
  byId("overlay").hidden = false;
  byId("overlay").addEventListener("change", (event) => choose(event.target.value));
  paintScale(byId("scale").querySelector("canvas"));
  choose("outline");
  figures.forEach(draw);
}
