"use strict";
/* Polygons on a picture, in pixels of the camera's frame; whole numbers are the middles of pixels. */

const drawing = byId("drawing");
const COLOURS = { regions: "#4cc38a", masks: "#ff6b76" };
const KEYS = { regions: "regions.region", masks: "regions.mask" };
let drawn = { regions: [], masks: [] };
let corners = [];
let picture = null;

function kind() { return document.querySelector("input[name=kind]:checked").value; }

function outline(pen, shape, colour, isClosed) {
  pen.strokeStyle = colour;
  pen.fillStyle = colour + "44";
  pen.lineWidth = Math.max(2, picture.naturalWidth / 300);
  pen.beginPath();
  shape.forEach(([x, y], index) => { if (index) pen.lineTo(x + 0.5, y + 0.5); else pen.moveTo(x + 0.5, y + 0.5); });
  if (isClosed) { pen.closePath(); pen.fill(); }
  pen.stroke();
  for (const [x, y] of shape) { pen.fillStyle = colour; pen.fillRect(x - pen.lineWidth, y - pen.lineWidth, 2 * pen.lineWidth, 2 * pen.lineWidth); }
}

function show() {
  const canvas = byId("canvas"), pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  for (const key of ["regions", "masks"]) for (const shape of drawn[key]) outline(pen, shape, COLOURS[key], true);
  if (corners.length) outline(pen, corners, "#ffd25e", false);
  byId("shapes").replaceChildren(...["regions", "masks"].flatMap((key) => drawn[key].map((shape, index) => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.textContent = word("teach.remove");
    button.addEventListener("click", () => { drawn[key].splice(index, 1); show(); });
    item.append(`${word(KEYS[key])}, ${shape.length} ${word("regions.corners")} `, button);
    return item;
  })));
}

function close() {
  if (corners.length >= 3) drawn[kind()].push(corners);
  corners = [];
  show();
}

function onPicture() {
  const canvas = byId("canvas");
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  canvas.addEventListener("pointerdown", (event) => {
    const place = canvas.getBoundingClientRect();
    const x = (event.clientX - place.left) * canvas.width / place.width - 0.5;
    const y = (event.clientY - place.top) * canvas.height / place.height - 0.5;
    corners.push([Math.round(Math.min(Math.max(x, 0), canvas.width - 1)), Math.round(Math.min(Math.max(y, 0), canvas.height - 1))]);
    byId("told").textContent = "";
    show();
  });
  byId("close").addEventListener("click", close);
  byId("undo").addEventListener("click", () => { if (corners.length) corners.pop(); else drawn[kind()].pop(); show(); });
  byId("rectangle").addEventListener("submit", (event) => {
    event.preventDefault();
    const [left, top, right, bottom] = ["left", "top", "right", "bottom"].map((side) => Number(byId(side).value));
    drawn[kind()].push([[left, top], [right, top], [right, bottom], [left, bottom]]);
    show();
  });
  onClick(byId("save"), async () => {
    close();
    await send("/set-up/regions", { drawn: JSON.stringify(drawn) });
    byId("told").textContent = word("regions.saved");
  });
  show();
}

if (drawing) {
  drawn = JSON.parse(drawing.dataset.drawn);
  picture = new Image();
  picture.addEventListener("load", () => { wordsAreHere.then(onPicture); });
  picture.src = drawing.dataset.picture;
}
