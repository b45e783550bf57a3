"use strict";
/* Draws the charts of one period. Each also has its values as a table, for those who do not see or point. */

const page = byId("trends");
const INK = {quiet: "#a9b6c4", grid: "#2d3a48", line: "#6cb6ff", band: "rgb(108 182 255 / 0.2)", limit: "#ffffff",
  calibrated: "#ffd25e", usual: "rgb(111 220 166 / 0.13)", edge: "#6fdca6", bad: "#ff8f97", fault: "#ffd25e"};
const REFRESH_MS = 60000;
const HOUR_S = 3600, FEW_VALUES = 30;  // a line through fewer than so many shows each of them
// The axes show the station's time of day, wherever the browser is.
const AHEAD_S = Number(page.dataset.zoneS) + new Date().getTimezoneOffset() * 60;
const plots = new Map();

function two(value) { return String(value).padStart(2, "0"); }
function onClock(at_s) { return new Date((at_s + AHEAD_S) * 1000); }
function stamp(at_s) {
  const at = onClock(at_s);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`;
}
function timeTicks(plot, splits) {
  let lastDay = "";
  return splits.map((at_s) => {
    const [day, clock] = stamp(at_s).split(" ");
    const isNew = day !== lastDay;
    lastDay = day;
    return clock === "00:00" || plot.scales.x.max - plot.scales.x.min > 4 * 86400 ? day.slice(5)
      : isNew ? `${clock}\n${day.slice(5)}` : clock;
  });
}

function axis(more = {}) { return {stroke: INK.quiet, grid: {stroke: INK.grid, width: 1}, ticks: {stroke: INK.grid}, ...more}; }

/* One chart. series: [{label, values, ...uPlot's own}]; the first is x. */
function draw(name, {series, bands = [], scales = {}, axes = [], hooks = {}, show}) {
  const figure = byId("chart-" + name), box = figure.querySelector(".plot");
  const data = series.map((one) => one.values);
  fillTable(figure, series, show);
  if (plots.has(name)) { plots.get(name).setData(data); return; }
  const options = {
    width: Math.max(200, box.clientWidth), height: 220, scales: {x: {range: atLeastAnHour}, ...scales}, bands, hooks,
    tzDate: onClock, padding: [10, 12, 0, 0], cursor: {drag: {x: true, y: false}},
    axes: axes.length ? axes : [axis({values: timeTicks, space: 70, size: 44}), axis({size: 58})],
    series: series.map(({values, ...own}, place) => (place === 0 ? {...own, value: show} : {spanGaps: false, value: (_, found) => plain(found), ...own})),
  };
  const plot = new uPlot(options, data, box);
  plots.set(name, plot);
  new ResizeObserver(() => plot.setSize({width: Math.max(200, box.clientWidth), height: 220})).observe(box);
}

/* A station that has just begun has one point in time, to which uPlot would add three years. */
function atLeastAnHour(plot, began_s, ended_s) {
  if (plot.data[0].length === 1) ended_s = began_s;
  const more_s = Math.max(0, HOUR_S - (ended_s - began_s)) / 2;
  return [began_s - more_s, ended_s + more_s];
}
function isSparse(plot, place) { return plot.data[place].filter((value) => value !== null).length < FEW_VALUES; }

function plain(value) { return value === null || value === undefined ? "–" : Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3); }

/* The newest hundred rows. */
function fillTable(figure, series, show) {
  const table = document.createElement("table"), count = series[0].values.length;
  const row = (cells, kind) => {
    const line = document.createElement("tr");
    for (const cell of cells) {
      const box = document.createElement(kind);
      box.textContent = cell;
      if (kind === "th") box.scope = "col";
      line.append(box);
    }
    return line;
  };
  table.append(row(series.map((one) => one.label), "th"));
  for (let place = count - 1; place >= Math.max(0, count - 100); place -= 1)
    table.append(row(series.map((one, column) => (column === 0 ? show(null, one.values[place]) : plain(one.values[place]))), "td"));
  figure.querySelector(".values").replaceChildren(table);
}

function line(label, values, stroke, more = {}) { return {label: word(label), values, stroke, width: 2, points: {show: isSparse, size: 5}, ...more}; }
function edge(label, values, stroke) { return line(label, values, stroke, {width: 1, points: {show: false}}); }
function dashed(label, values, stroke) { return line(label, values, stroke, {dash: [8, 5], points: {show: false}}); }
function constant(values, value) { return values.map(() => value); }
function time(values) { return {label: word("chart.time"), values}; }
const showTime = (_, at_s) => (at_s === null ? "–" : stamp(at_s));

function drawLast(last) {
  const only = (outcome) => last.outcome.map((found, place) => (found === outcome ? last.distance[place] : null));
  const dots = (outcome, colour, size) => ({label: word("outcome." + outcome), values: only(outcome), stroke: colour, paths: () => null,
    points: {show: true, size, stroke: colour, fill: outcome === "NG" ? colour : "transparent", width: 1.5}});
  draw("last", {
    show: (_, sequence) => (sequence === null ? "–" : String(sequence)),
    series: [{label: word("part"), values: last.sequence}, dots("OK", INK.edge, 5), dots("NG", INK.bad, 7), dots("FAULT", INK.fault, 7),
      line("limit", last.limit, INK.limit), dashed("chart.calibrated", last.calibrated_limit, INK.calibrated)],
    scales: {x: {time: false}, y: {range: (_, least, most) => [0, (most || 1) * 1.05]}},
    axes: [axis({space: 70}), axis({size: 58})],
  });
}

function drawDistance(found) {
  const {mean, least, most} = found.distance;
  draw("distance", {
    show: showTime,
    series: [time(found.time), edge("chart.most", most, INK.band), edge("chart.least", least, INK.band),
      line("chart.mean", mean, INK.line), line("limit", found.limit, INK.limit), dashed("chart.calibrated", found.calibrated_limit, INK.calibrated)],
    bands: [{series: [1, 2], fill: INK.band}],
    scales: {y: {range: (_, low, high) => [0, (high || 1) * 1.05]}},
  });
}

function drawNg(found) {
  const {share, low, high, usual} = found.ng;
  draw("ng", {
    show: showTime,
    series: [time(found.time), edge("chart.high", high, INK.band), edge("chart.low", low, INK.band),
      line("chart.share", share, INK.line), dashed("chart.usual", constant(share, usual), INK.edge)],
    bands: [{series: [1, 2], fill: INK.band}],
    scales: {y: {range: (_, least, most) => [0, Math.max(1, (most || 0) * 1.05)]}},
    axes: [axis({values: timeTicks, space: 70, size: 44}), axis({size: 58, values: (_, splits) => splits.map((value) => value + " %")})],
  });
}

function drawControl(name, found) {
  const {mean, low, centre, high} = found.control[name];
  draw(name, {
    show: showTime,
    series: [time(found.time), edge("chart.usual_high", constant(mean, high), INK.edge),
      edge("chart.usual_low", constant(mean, low), INK.edge),
      dashed("chart.usual", constant(mean, centre), INK.edge),
      line("chart.mean", mean, INK.line, {points: {show: true, size: 5, fill: INK.line}})],
    bands: [{series: [1, 2], fill: INK.usual}],
  });
}

function drawTakt(takt) {
  const marks = [["p50", takt.p50_ms, INK.edge], ["p99", takt.p99_ms, INK.calibrated], ["p99.9", takt.p999_ms, INK.bad], [word("deadline"), takt.deadline_ms, INK.limit]];
  const known = marks.filter(([, at_ms]) => at_ms !== null);
  byId("percentiles").textContent = known.map(([name, at_ms]) => `${name} ${plain(at_ms)} ms`).join(" · ");
  draw("takt", {
    show: (_, at_ms) => (at_ms === null ? "–" : plain(at_ms) + " ms"),
    series: [{label: word("takt"), values: takt.begins_ms}, line("chart.number", takt.number, INK.line,
      {fill: INK.band, paths: uPlot.paths.stepped({align: 1})})],
    scales: {x: {time: false, distr: 3, range: (_, least, most) => [Math.max(0.05, least), Math.max(most, takt.deadline_ms ?? 0) * 1.2]}},
    axes: [axis({splits: roundTimes, filter: (_, splits) => splits, values: (_, splits) => splits.map((value) => value + " ms")}), axis({size: 58})],
    hooks: {draw: [(plot) => drawMarks(plot, known)]},
  });
}

/* 1, 2, 5, 10 … within the chart, not closer than an eighth of it. */
function roundTimes(plot) {
  const {min, max} = plot.scales.x, found = [];
  for (let power = -1; power < 6; power += 1) for (const digit of [1, 2, 5]) found.push(Number((digit * 10 ** power).toPrecision(1)));
  const inside = found.filter((at_ms) => at_ms >= min && at_ms <= max);
  return inside.filter((at_ms, place) => place === 0 || Math.log(at_ms / inside[place - 1]) > Math.log(max / min) / 12);
}

function drawMarks(plot, marks) {
  const {ctx, bbox} = plot;
  ctx.save();
  ctx.font = `${13 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  marks.forEach(([name, at_ms, colour], place) => {
    const x = plot.valToPos(at_ms, "x", true);
    ctx.fillStyle = colour;
    ctx.fillRect(x, bbox.top, 2, bbox.height);
    ctx.fillText(name, x - 4, bbox.top + (14 + 16 * place) * devicePixelRatio);
  });
  ctx.restore();
}

async function refresh() {
  const answer = await fetch("/trends/data?period=" + page.dataset.period);
  if (!answer.ok) return;
  const found = await answer.json();
  drawLast(found.last);
  drawDistance(found);
  drawNg(found);
  for (const name of Object.keys(found.control)) drawControl(name, found);
  drawTakt(found.takt);
  page.dataset.isDrawn = "yes";
}

wordsAreHere.then(refresh);
setInterval(() => { if (!document.hidden) refresh(); }, REFRESH_MS);
