"use strict";
/* What several pages draw: the words of a label, and where on a part the map differs from good. */

// Fixed for every part, so that a good part never looks bad: deviations of good parts, as edge/preprocess.py stores them.
const LOWEST = -3, HIGHEST = 15;
const CONSPICUOUS = 5;  // if cells of good parts are normally distributed, one part in 2500 has one beyond
const SVG = "http://www.w3.org/2000/svg";

function levelOf(deviations) { return Math.round(255 * (deviations - LOWEST) / (HIGHEST - LOWEST)); }

/* Near the limit with a decimal, so that 100.4 % is not read as just inside. */
function percent(share) { return (100 * share).toFixed(Math.abs(share - 1) < 0.05 ? 1 : 0) + " %"; }

function labelWords(label) {
  if (!label) return "";
  const [, kind, address] = label.match(/^(.*?)(?:_(\d+))?$/);
  return [word("label." + kind, kind.replaceAll("_", " ")), address].filter(Boolean).join(" ");
}

async function loadMap(sequence) {
  const answer = await fetch(`/part/${sequence}/map`);
  if (!answer.ok) return null;
  const rows = Number(answer.headers.get("x-map-rows")), columns = Number(answer.headers.get("x-map-columns"));
  return {rows, columns, levels: new Uint8Array(await answer.arrayBuffer())};
}

/* Cells beyond CONSPICUOUS and the strongest one, with a cell of room around each so that the line hides nothing. */
function conspicuous({rows, columns, levels}) {
  const least = Math.min(levelOf(CONSPICUOUS), Math.max(...levels));
  const inside = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row += 1) for (let column = 0; column < columns; column += 1) {
    if (levels[row * columns + column] < least) continue;
    for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y += 1)
      inside.fill(1, y * columns + Math.max(0, column - 1), y * columns + Math.min(columns, column + 2));
  }
  return inside;
}

/* The edges of the area as one SVG path, in cells. */
function outlinePath(map) {
  const {rows, columns} = map, inside = conspicuous(map);
  const at = (row, column) =>
    row >= 0 && row < rows && column >= 0 && column < columns && inside[row * columns + column] === 1;
  let path = "";
  for (let row = 0; row < rows; row += 1) for (let column = 0; column < columns; column += 1) {
    if (!at(row, column)) continue;
    if (!at(row - 1, column)) path += `M${column} ${row}h1`;
    if (!at(row + 1, column)) path += `M${column} ${row + 1}h1`;
    if (!at(row, column - 1)) path += `M${column} ${row}v1`;
    if (!at(row, column + 1)) path += `M${column + 1} ${row}v1`;
  }
  return path;
}

function drawOutline(svg, map) {
  svg.setAttribute("viewBox", `0 0 ${map.columns} ${map.rows}`);
  const path = outlinePath(map);
  svg.replaceChildren(...["under", "over"].map((name) => {
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("class", name);
    line.setAttribute("d", path);
    return line;
  }));
}
