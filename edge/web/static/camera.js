"use strict";
/* The live picture: how sharp, where, and whether the light is well spread. */

const ZONES = 3;
const TOO_MUCH_PERCENT = 2;
const REST_MS = 150;
let isLive = false;
let best = 0;

function markEnds(canvas) {
  const pen = canvas.getContext("2d"), picture = pen.getImageData(0, 0, canvas.width, canvas.height), pixels = picture.data;
  for (let at = 0; at < pixels.length; at += 4) {
    const isBright = Math.min(pixels[at], pixels[at + 1], pixels[at + 2]) >= 251;
    const isDark = Math.max(pixels[at], pixels[at + 1], pixels[at + 2]) <= 4;
    if (!isBright && !isDark) continue;
    const place = at / 4, isStripe = (place % canvas.width + Math.floor(place / canvas.width)) % 8 < 4;
    if (!isStripe) continue;
    [pixels[at], pixels[at + 1], pixels[at + 2]] = isBright ? [255, 0, 160] : [0, 120, 255];
  }
  pen.putImageData(picture, 0, 0);
}

function drawZones(canvas, sharpness) {
  const pen = canvas.getContext("2d"), width = canvas.width / ZONES, height = canvas.height / ZONES;
  const largest = Math.max(...sharpness, 1);
  pen.lineWidth = 2;
  pen.font = `${Math.round(canvas.width / 32)}px sans-serif`;
  sharpness.forEach((value, index) => {
    const x = width * (index % ZONES), y = height * Math.floor(index / ZONES);
    pen.strokeStyle = "rgba(255,255,255,0.5)";
    pen.strokeRect(x, y, width, height);
    const text = value.toFixed(0);
    pen.lineWidth = 5; pen.strokeStyle = "#000"; pen.strokeText(text, x + 8, y + canvas.width / 28);
    pen.lineWidth = 2; pen.fillStyle = value < 0.3 * largest ? "#ffd25e" : "#fff"; pen.fillText(text, x + 8, y + canvas.width / 28);
  });
}

function drawHistogram(shares) {
  const canvas = byId("histogram"), pen = canvas.getContext("2d"), { width, height } = canvas;
  const largest = Math.max(...shares, 0.001), step = width / shares.length;
  pen.clearRect(0, 0, width, height);
  shares.forEach((share, index) => {
    const isEnd = index === 0 || index === shares.length - 1;
    pen.fillStyle = isEnd ? "#ffd25e" : "#6cb6ff";
    const tall = height * Math.sqrt(share / largest);
    pen.fillRect(index * step, height - tall, step - 1, tall);
  });
}

function showAids(told) {
  const mean = told.sharpness.reduce((sum, value) => sum + value, 0) / told.sharpness.length;
  best = Math.max(best, mean);
  byId("sharpness").textContent = mean.toFixed(1);
  byId("best").textContent = best.toFixed(1);
  byId("sharpness-fill").style.width = 100 * mean / best + "%";
  byId("mean").textContent = told.brightness.toFixed(0);
  byId("dark").textContent = told.dark_percent.toFixed(1) + " %";
  byId("bright").textContent = told.bright_percent.toFixed(1) + " %";
  const key = told.bright_percent > TOO_MUCH_PERCENT || told.brightness > 200 ? "too_bright"
    : told.brightness < 40 ? "too_dark" : "light_good";
  byId("light-told").textContent = word("camera." + key);
  drawHistogram(told.histogram);
}

async function live() {
  while (isLive) {
    if (!document.hidden) {
      try {
        const told = await send("/set-up/camera");
        await drawPicture(byId("live"), told.jpeg);
        if (byId("zebra").checked) markEnds(byId("live"));
        drawZones(byId("live"), told.sharpness);
        showAids(told);
        showTrouble(null);
      } catch (error) { showTrouble(error); run(false); }
    }
    await new Promise((done) => setTimeout(done, REST_MS));
  }
}

function run(isOn) {
  isLive = isOn;
  byId("start").hidden = isOn;
  byId("stop").hidden = !isOn;
  if (isOn) { best = 0; live(); }
}

byId("start").addEventListener("click", () => run(true));
byId("stop").addEventListener("click", () => run(false));
