"use strict";
/* The page works without this: it changes the language, shows the part that is pointed at, and moves the limit.
   It counts nothing: every figure stands in the page already. */
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const values = (id) => JSON.parse(byId(id).textContent);
  const languages = ["en", "ja"];

  function speak(code) {
    root.lang = code;
    for (const named of document.querySelectorAll("[data-en]")) named.setAttribute("aria-label", named.dataset[code]);
    for (const button of document.querySelectorAll("[data-language]"))
      button.setAttribute("aria-pressed", String(button.dataset.language === code));
  }
  for (const button of document.querySelectorAll("[data-language]"))
    button.addEventListener("click", () => speak(button.dataset.language));
  window.addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details")) folded.open = true;
  });
  byId("print").addEventListener("click", () => window.print());
  speak(languages.includes(location.hash.slice(1)) ? location.hash.slice(1) : root.lang);

  function write(id, words) {
    byId(id).replaceChildren(...languages.map((code, place) => {
      const span = document.createElement("span");
      span.lang = code;
      span.textContent = words[place];
      return span;
    }));
  }

  function startScatter() {
    const chart = document.querySelector("svg.scatter"), hover = byId("hover"), points = values("points");
    let pointed = null;
    function show(mark) {
      if (pointed) pointed.classList.remove("pointed");
      pointed = mark;
      hover.hidden = !mark;
      if (!mark) return;
      mark.classList.add("pointed");
      const [file, en, ja, picture] = points[Number(mark.dataset.point)];
      const lines = [file, root.lang === "ja" ? ja : en].map((words) => {
        const line = document.createElement("div");
        line.textContent = words;
        return line;
      });
      const image = new Image();
      image.alt = "";
      if (picture) image.src = picture;
      hover.replaceChildren(...(picture ? [image] : []), ...lines);
      const frame = chart.parentElement.getBoundingClientRect(), at = mark.getBoundingClientRect();
      const isRight = at.left - frame.left > frame.width / 2;
      hover.style.left = isRight ? "auto" : `${at.right - frame.left + 8}px`;
      hover.style.right = isRight ? `${frame.right - at.left + 8}px` : "auto";
      hover.style.top = `${Math.max(0, at.top - frame.top - 20)}px`;
    }
    function nearest(event) {
      let best = null, least = 18 ** 2;
      for (const mark of chart.querySelectorAll("[data-point]")) {
        const at = mark.getBoundingClientRect();
        const far = (at.left + at.width / 2 - event.clientX) ** 2 + (at.top + at.height / 2 - event.clientY) ** 2;
        if (far < least) [best, least] = [mark, far];
      }
      return best;
    }
    chart.addEventListener("pointermove", (event) => show(nearest(event)));
    chart.addEventListener("pointerdown", (event) => show(nearest(event)));
    chart.addEventListener("pointerleave", () => show(null));
  }

  function startLimit() {
    const trade = values("trade"), line = byId("limit-line"), slider = byId("limit-slider"), here = document.querySelector(".here");
    const [low, high, start, end] = ["low", "high", "start", "end"].map((name) => Number(line.dataset[name]));
    const first = here && here.getAttribute("d");
    const home = trade.roc.length ? trade.roc[rowAt(trade.limit)] : null;
    slider.min = low;
    slider.max = high;
    slider.step = "any";
    slider.value = 0;

    function rowAt(limit) {
      let row = 0, after = trade.limits.length;
      while (after - row > 1) {
        const middle = (row + after) >> 1;
        if (trade.limits[middle] <= limit) row = middle; else after = middle;
      }
      return row;
    }
    function move(power) {
      const at = Math.min(high, Math.max(low, power));
      const share = at === 0 ? 1 : 10 ** at, limit = share * trade.limit, row = rowAt(limit);
      slider.value = at;
      byId("limit-now").textContent = limit.toPrecision(4);
      byId("share-now").textContent = share.toFixed(2);
      write("escapes-now", trade.escape_words[trade.escapes[row]]);
      write("overkills-now", trade.overkill_words[trade.overkills[row]]);
      const shift = (end - start) * (at / (high - low));
      line.setAttribute("transform", `translate(${shift} 0)`);
      if (here && first && home)
        here.setAttribute("transform", `translate(${trade.roc[row][0] - home[0]} ${trade.roc[row][1] - home[1]})`);
    }
    const chart = document.querySelector("svg.limit");
    const powerAt = (event) => {
      const box = chart.getBoundingClientRect();
      const x = (event.clientX - box.left) * chart.viewBox.baseVal.width / box.width;
      return low + (high - low) * (x - start) / (end - start);
    };
    line.addEventListener("pointerdown", (event) => { line.setPointerCapture(event.pointerId); event.preventDefault(); });
    line.addEventListener("pointermove", (event) => { if (line.hasPointerCapture(event.pointerId)) move(powerAt(event)); });
    slider.addEventListener("input", () => move(Number(slider.value)));
    byId("limit-back").addEventListener("click", () => move(0));
  }

  startScatter();
  if (byId("trade")) startLimit();
})();
