// Draws the tree of stacks by d3-flame-graph: bytes, samples of the processor, or how shares changed. What is found is
// blue, or yellow where blue says something already.
"use strict";
const place = document.getElementById("chart");
const details = document.getElementById("details");
const root = JSON.parse(document.getElementById("stacks").textContent);
const total = (function sum(node) { return node.v + node.c.reduce((all, callee) => all + sum(callee), 0); })(root);
const share = (value) => (total ? (100 * value / total).toFixed(1) : 0) + " %";
const size = (bytes) => {
  const names = ["B", "KB", "MB", "GB"];
  const power = Math.min(names.length - 1, Math.max(0, Math.floor(Math.log2(bytes || 1) / 10)));
  const number = bytes / 1024 ** power;
  return number.toPrecision(number < 1000 ? 3 : 4) * 1 + " " + names[power];
};
// The same function has the same shade wherever it is.
const shade = (name) => [...name].reduce((hash, letter) => (31 * hash + letter.codePointAt(0)) % 97, 7);
const around = (name, hue, saturation, light) =>
  `hsl(${hue + shade(name) % 14} ${saturation + shade(name) % 20}% ${light + shade(name) % 12}%)`;
const units = {
  bytes: {
    downwards: false,
    say: (node) => `${size(node.value)}, ${share(node.value)}`,
    // Who keeps much itself stands out.
    colour: (node) => node.data.v > total / 10 ? "#f0772a" : around(node.data.n, 38, 60, 68),
    found: "#56b4e9",
  },
  samples: {
    // Stacks of the processor are deep: what begins them is to be seen first.
    downwards: true,
    say: (node) => `${node.value} samples, ${share(node.value)}`,
    colour: ({ data: { n } }) => n.endsWith("_[k]") ? around(n, 205, 10, 72)
      : /^(JS:|LazyCompile:|Function:|Script:|Eval:|RegExp:|py::)/.test(n) ? around(n, 125, 28, 62)
        : around(n, 30, 65, 66),
    found: "#56b4e9",
  },
  shares: {
    downwards: true,
    say: ({ value, data: { change } }) => {
      const now = value + change / 2;
      const percent = (millionths) => (millionths / 1e4).toFixed(1);
      return `${percent(now)} % of the time, before ${percent(now - change)} %: ` +
        (change < 0 ? "" : "+") + percent(change);
    },
    colour: ({ data: { change } }) => {
      const strength = Math.min(1, Math.sqrt(Math.abs(change) / 1e5));
      const to = change > 0 ? [226, 112, 58] : [91, 164, 216];
      return `rgb(${to.map((end) => Math.round(240 + strength * (end - 240))).join(" ")})`;
    },
    found: "#ffd34d",
  },
};
const unit = units[place.dataset.unit];
// A function's change is that of all it calls.
(function sum(node) {
  node.change = (node.d || 0) + node.c.reduce((all, callee) => all + sum(callee), 0);
  return node.change;
})(root);
const chart = flamegraph()
  .width(place.clientWidth)
  .cellHeight(20)
  .minFrameSize(1)
  .transitionDuration(matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 150)
  .selfValue(true)
  .inverted(unit.downwards)
  .sort((a, b) => b.value - a.value)
  .setColorMapper((node) => node.highlight ? unit.found : unit.colour(node))
  .setDetailsElement(details)
  .setLabelHandler((node) => `${node.data.n}: ${unit.say(node)}`)
  .setSearchHandler((found, sum) => {
    details.textContent = found.length ? `found in ${share(sum)}` : "not found";
  });
if (total) d3.select(place).datum(root).call(chart);
addEventListener("resize", () => {
  if (!total) return;
  chart.width(place.clientWidth);
  chart.resetZoom();
});
const search = document.getElementById("search");
search.addEventListener("submit", (event) => event.preventDefault());
search.term.addEventListener("input", () => {
  // As it is written: no pattern.
  const term = search.term.value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  if (term) chart.search(term);
  else chart.clear();
});
document.getElementById("reset").addEventListener("click", () => {
  search.reset();
  chart.clear();
  chart.resetZoom();
});
