"use strict";
// The page's theme and charts. Data is only ever shown as text: nothing here parses markup.

const store = {
  get(key) { try { return localStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(key, value); } catch { /* file:// may forbid it: the choice lasts as long as the page */ } },
};

const theme = {
  dark: () => matchMedia("(prefers-color-scheme: dark)").matches,
  current: () => document.documentElement.dataset.theme || (theme.dark() ? "dark" : "light"),
  set(name) { document.documentElement.dataset.theme = name; store.set("assay-theme", name); },
};
const remembered = store.get("assay-theme");
if (remembered === "light" || remembered === "dark") document.documentElement.dataset.theme = remembered;

// An element with attributes and children; strings become text nodes.
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function number(value, digits) {
  if (value === null || value === undefined) return "–";
  return Number(value).toFixed(digits).replace("-", "−");
}

function signed(value, digits) {
  return (value > 0 ? "+" : "") + number(value, digits);
}

// Exact values under the pointer, written as their chart asks.
function exact(value, form) {
  if (value === null || value === undefined) return "–";
  if (form === "share") return number(value, 3);
  if (form === "count") return String(value);
  if (form === "seconds") return `${number(value, value < 1 ? 3 : 1)} s`;
  if (form === "tokens") return number(value, 1);
  const size = Math.abs(value);
  return (size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(4)))).replace("-", "−");
}

const SVG = "http://www.w3.org/2000/svg";

function wireChart(figure, chart) {
  const svg = figure.querySelector("svg");
  const [left, right, top, bottom, width, height] = chart.box;
  const [low, high] = chart.x;
  const steps = [...new Set(chart.series.flatMap((series) => series.points.map((point) => point[0])))].sort((a, b) => a - b);
  const byStep = chart.series.map((series) => new Map(series.points.map((point) => [point[0], point])));
  const at = (step) => left + (high > low ? (step - low) / (high - low) : 0.5) * (width - left - right);
  const line = document.createElementNS(SVG, "line");
  line.setAttribute("class", "cross");
  line.setAttribute("y1", top);
  line.setAttribute("y2", height - bottom);
  const tip = h("div", { class: "tip", role: "status", hidden: true });
  figure.append(tip);
  let shown = -1;

  function show(place) {
    shown = place;
    const step = steps[place];
    line.setAttribute("x1", at(step));
    line.setAttribute("x2", at(step));
    if (!line.isConnected) svg.append(line);
    const rows = chart.series.map((series, index) => {
      const point = byStep[index].get(step);
      if (!point || point[1] === null) return null;
      const bounds = point[2] === null || point[2] === undefined ? null
        : h("span", { class: "bounds" }, `${exact(point[2], chart.form)} to ${exact(point[3], chart.form)}`);
      return h("div", {}, h("i", { class: `swatch ${series.look}` }), h("span", {}, series.name), h("b", {}, exact(point[1], chart.form)), bounds);
    });
    tip.replaceChildren(h("div", { class: "when" }, `step ${step}`), ...rows.filter(Boolean));
    tip.hidden = false;
    const box = svg.getBoundingClientRect();
    const own = figure.getBoundingClientRect();
    const x = box.left - own.left + (at(step) / width) * box.width;
    const flips = x > own.width / 2;
    tip.style.left = flips ? "auto" : `${x + 10}px`;
    tip.style.right = flips ? `${own.width - x + 10}px` : "auto";
    tip.style.top = `${box.top - own.top + 4}px`;
  }

  function hide() {
    shown = -1;
    tip.hidden = true;
    line.remove();
  }

  function nearest(event) {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    let best = 0;
    for (let place = 1; place < steps.length; place += 1) {
      if (Math.abs(at(steps[place]) - x) < Math.abs(at(steps[best]) - x)) best = place;
    }
    return best;
  }

  svg.addEventListener("pointermove", (event) => show(nearest(event)));
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("click", (event) => openStep(steps[nearest(event)]));
  figure.addEventListener("blur", hide);
  figure.addEventListener("keydown", (event) => {
    const last = steps.length - 1;
    if (event.key === "ArrowRight") show(shown < 0 ? 0 : Math.min(last, shown + 1));
    else if (event.key === "ArrowLeft") show(shown < 0 ? last : Math.max(0, shown - 1));
    else if (event.key === "Home") show(0);
    else if (event.key === "End") show(last);
    else if (event.key === "Enter" && shown >= 0) openStep(steps[shown]);
    else if (event.key === "Escape") hide();
    else return;
    event.preventDefault();
  });
}

// A chart's step was chosen: its completions, in the browser of completions.
function openStep(step) {
  document.dispatchEvent(new CustomEvent("assay:step", { detail: step }));
}

// The section in view is marked in the navigation.
function wireNavigation() {
  const links = new Map([...document.querySelectorAll(".bar a")].map((link) => [link.hash.slice(1), link]));
  const mark = () => {
    let current = null;
    for (const id of links.keys()) {
      const place = document.getElementById(id);
      if (place && place.getBoundingClientRect().top < innerHeight / 3) current = id;
    }
    for (const [id, link] of links) {
      if (id === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
}

document.addEventListener("DOMContentLoaded", () => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const button = document.getElementById("theme");
  const label = () => { button.textContent = theme.current() === "dark" ? "Light" : "Dark"; };
  button.addEventListener("click", () => { theme.set(theme.current() === "dark" ? "light" : "dark"); label(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();
  for (const figure of document.querySelectorAll("figure[data-chart]")) wireChart(figure, data.charts[Number(figure.dataset.chart)]);
  wireNavigation();
  const place = document.getElementById("browser");
  if (place) openBrowser(place, data);
});
