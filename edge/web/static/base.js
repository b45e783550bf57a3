"use strict";
/* What every page needs: its words, the language switch, and requests that carry the page's token. */

const byId = (id) => document.getElementById(id);
const language = document.documentElement.lang;
let words = {};
const wordsAreHere = fetch("/words/" + language).then((answer) => answer.json()).then((found) => { words = found; });

function word(key, otherwise) { return words[key] ?? otherwise ?? key; }

function number(value) { return value >= 100 ? value.toFixed(0) : value.toPrecision(3); }

function shape(outcome) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "shape");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", "#shape-" + outcome);
  svg.append(use);
  return svg;
}

/* Ask the server to change something; an error's message is a sentence for people. */
async function send(address, fields = {}) {
  const token = document.querySelector("meta[name=token]").content;
  const answer = await fetch(address, {
    method: "POST",
    headers: { "X-CSRF-Token": token, "Accept": "application/json" },
    body: new URLSearchParams(fields),
  });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.why ?? word("refused.broken"));
  return told;
}

byId("language").addEventListener("click", () => {
  document.cookie = `language=${language === "en" ? "ja" : "en"}; path=/; max-age=31536000; SameSite=Strict`;
  location.reload();
});
