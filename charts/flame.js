// Draws the tree of stacks by d3-flame-graph. The guilty are vermilion, what is found is blue.
"use strict";
const units = ["B", "KB", "MB", "GB"];
const format = (bytes) => {
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(bytes || 1) / 10)));
  const number = bytes / 1024 ** power;
  return number.toPrecision(number < 1000 ? 3 : 4) * 1 + " " + units[power];
};
const place = document.getElementById("chart");
const details = document.getElementById("details");
const root = JSON.parse(document.getElementById("stacks").textContent);
const total = (function sum(node) { return node.v + node.c.reduce((all, callee) => all + sum(callee), 0); })(root);
const share = (bytes) => (total ? (100 * bytes / total).toFixed(1) : 0) + " %";
// The same function has the same shade wherever it is; who keeps much itself stands out.
const shade = (name) => [...name].reduce((hash, letter) => (31 * hash + letter.codePointAt(0)) % 97, 7);
const colour = (node) => {
  const name = node.data.n;
  if (node.highlight) return "#56b4e9";
  if (node.data.v > total / 10) return "#f0772a";
  return `hsl(${38 + shade(name) % 14} ${60 + shade(name) % 25}% ${68 + shade(name) % 14}%)`;
};
const chart = flamegraph()
  .width(place.clientWidth)
  .cellHeight(20)
  .minFrameSize(1)
  .transitionDuration(matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 150)
  .selfValue(true)
  .sort((a, b) => b.value - a.value)
  .setColorMapper(colour)
  .setDetailsElement(details)
  .setLabelHandler((node) => `${node.data.n}: ${format(node.value)}, ${share(node.value)}`)
  .setSearchHandler((found, sum) => {
    details.textContent = found.length ? `found in ${format(sum)}, ${share(sum)}` : "not found";
  });
d3.select(place).datum(root).call(chart);
addEventListener("resize", () => {
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
