// One chart of the page: lines, the range of the others as a band, kills as marks on the time axis,
// what went wrong as lines from top to bottom.
import { clock } from "/web/format.js";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
// Okabe and Ito's, then the same in dashes.
const LINES = ["--live", "--resident", "--active", "--mapped", "--cap", "--live", "--resident", "--active"];
// Steps of an axis of bytes, which is divided by 1024 where others are by 1000.
const BINARY = [0, 1, 2, 3, 4].flatMap((power) => [1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => n * 1024 ** power));
const SOLID = 5, DASH = [7, 4];
const NS = 1e9;

// A level has two points a bucket: its lowest and highest, in the order that makes the shorter way.
function level([low, high]) {
  const out = [];
  low.forEach((l, b) => {
    const h = high[b], before = out[out.length - 1];
    const falls = l !== null && before !== undefined && before !== null && before > (l + h) / 2;
    out.push(falls ? h : l, falls ? l : h);
  });
  return out;
}

const twice = (list) => list.flatMap((value) => [value, value]);
const last = (list) => list.findLast((value) => value !== null) ?? null;

export class Chart {
  // how: {curve: "memory", flow: bool, binary: bool, format(value), floor: the least height}
  constructor(box, how) {
    this.how = how;
    this.plotBox = document.createElement("div");
    this.plotBox.className = "chart";
    this.plotBox.setAttribute("role", "img");
    this.legend = document.createElement("ul");
    this.legend.className = "legend";
    box.replaceChildren(this.plotBox, this.legend);
    new ResizeObserver(() => this.resize()).observe(this.plotBox);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.renew());
  }

  size() {
    const width = this.plotBox.clientWidth;
    return { width, height: Math.max(200, Math.min(320, Math.round(width * 0.5))) };
  }

  resize() {
    if (this.plot && this.plotBox.clientWidth && this.plotBox.clientWidth !== this.plot.width) this.plot.setSize(this.size());
  }

  renew() {
    this.plot?.destroy();
    this.plot = null;
    if (this.look) this.update(this.look, this.scene);
  }

  // Of a flow only buckets that all have posted for: a half-filled one would look like a fall.
  data(look) {
    const { curve, flow } = this.how, w = look.width_ns / NS;
    const to = flow ? Math.min(look.to, Math.floor(look.heard_ns / look.width_ns)) : look.to;
    const cut = (list) => list.slice(0, to);
    const x = [];
    for (let b = 0; b < to; b++) x.push(...(flow ? [(b + 0.5) * w] : [(b + 0.25) * w, (b + 0.75) * w]));
    const rate = (list) => cut(list).map((value) => (value === null ? null : value / w));
    const lines = look.lines.map((line) => {
      if (!line[curve]) return x.map(() => null);
      return flow ? rate(line[curve]) : level(line[curve].map(cut));
    });
    const band = look.band[curve]?.map((list) => (flow ? rate(list) : twice(cut(list))));
    return [x, ...lines, ...(band ? [band[1], band[0]] : [])];
  }

  series(look) {
    const colour = (i) => css(LINES[i % LINES.length]);
    // Two buckets without a value are no gap: a tick may fall beside one.
    const width = look.width_ns / NS;
    const gaps = (u, k, from, to, found) => found.filter(([a, b]) => u.posToVal(b, "x") - u.posToVal(a, "x") > 3 * width * devicePixelRatio);
    const lines = look.lines.map((line, i) => ({
      label: line.name, stroke: colour(i), width: 1.75, dash: i < SOLID ? undefined : DASH, points: { show: false }, gaps,
    }));
    const edge = { stroke: css("--data"), width: 0.5, points: { show: false }, gaps };
    return [{}, ...lines, ...(look.band[this.how.curve] ? [{ ...edge, label: "high" }, { ...edge, label: "low" }] : [])];
  }

  make(look, data) {
    const axis = { stroke: css("--quiet"), font: "13px system-ui, sans-serif", grid: { stroke: css("--grid"), width: 1 }, ticks: { show: false } };
    const n = look.lines.length;
    const bands = look.band[this.how.curve] ? [{ series: [n + 1, n + 2], fill: css("--data") + "33" }] : [];
    return new uPlot({
      ...this.size(),
      series: this.series(look),
      bands,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: false } },
      scales: {
        x: { time: false, range: () => [0, Math.max(this.scene.end, 1)] },
        y: { range: (u, min, max) => [0, Math.max(max ?? 0, this.how.floor) * 1.08] },
      },
      axes: [
        { ...axis, size: 34, space: 70, values: (u, list) => list.map(clock) },
        { ...axis, size: 74, space: 44, ...(this.how.binary ? { incrs: BINARY } : {}), values: (u, list) => list.map((value) => this.how.format(value)) },
      ],
      hooks: { draw: [(u) => this.mark(u)], setCursor: [() => this.fillLegend()] },
    }, data, this.plotBox);
  }

  // scene: {end, marks: [{s, text, className}]} in seconds since the start.
  update(look, scene) {
    const shape = JSON.stringify([look.lines.map((line) => line.name), look.width_ns, !!look.band[this.how.curve]]);
    const data = this.data(look);
    if (this.shape !== shape) {
      this.plot?.destroy();
      this.plot = null;
    }
    this.look = look;
    this.scene = scene;
    this.shape = shape;
    if (!globalThis.uPlot || !this.plotBox.clientWidth) return;
    if (this.plot) this.plot.setData(data);
    else this.plot = this.make(look, data);
    this.fillLegend();
  }

  mark(u) {
    const { left, top, width, height } = u.bbox, ctx = u.ctx, dpr = devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    const step = this.look.kills_width_ns / NS;
    ctx.fillStyle = css("--ink");
    this.look.kills.forEach((n, b) => {
      if (n) ctx.fillRect(Math.round(u.valToPos((b + 0.5) * step, "x", true)), top + height - (4 + Math.min(n, 6) * 1.5) * dpr, Math.max(1, dpr), height);
    });
    ctx.font = 12 * dpr + "px system-ui, sans-serif";
    this.scene.marks.forEach((mark, i) => {
      const x = u.valToPos(mark.s, "x", true), right = x > left + width / 2;
      ctx.strokeStyle = ctx.fillStyle = css("--" + mark.className);
      ctx.lineWidth = 1.5 * dpr;
      ctx.setLineDash([5 * dpr, 4 * dpr]);
      ctx.beginPath();
      ctx.moveTo(x, top);
      ctx.lineTo(x, top + height);
      ctx.stroke();
      if (i < 4) this.label(ctx, mark.text, x, right, top + (14 + 17 * i) * dpr);
    });
    ctx.restore();
  }

  // On paper, so that it can be read across a line.
  label(ctx, text, x, right, y) {
    const dpr = devicePixelRatio, width = ctx.measureText(text).width, left = right ? x - width - 6 * dpr : x + 6 * dpr;
    const ink = ctx.fillStyle;
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.fillStyle = css("--paper");
    ctx.fillRect(left - 3 * dpr, y - 12 * dpr, width + 6 * dpr, 16 * dpr);
    ctx.fillStyle = ink;
    ctx.fillText(text, left, y);
  }

  // With the values under the cursor, else the last ones.
  fillLegend() {
    if (!this.plot) return;
    const { data, cursor } = this.plot, n = this.look.lines.length, at = cursor.idx;
    const value = (i) => (at === null || at === undefined ? last(data[i]) : data[i][at]);
    const items = this.look.lines.map((line, i) => ({ name: line.name, colour: LINES[i % LINES.length], dash: i >= SOLID, text: value(i + 1) }));
    const words = items.filter((item) => item.text !== null).sort((a, b) => b.text - a.text)
      .map((item) => ({ ...item, text: this.how.format(item.text) }));
    if (data.length > n + 1 && value(n + 2) !== null)
      words.push({ name: "the other " + this.look.others, colour: "--data", text: this.how.format(value(n + 2)) + " to " + this.how.format(value(n + 1)) });
    if (this.look.kills.some((kills) => kills > 0)) words.push({ name: "kills", tick: true, colour: "--ink", text: "" });
    this.plotBox.setAttribute("aria-label", words.map((word) => word.name + " " + word.text).join(", "));
    this.legend.replaceChildren(...words.map(entry));
  }
}

const SVG = "http://www.w3.org/2000/svg";

function entry({ name, colour, dash, tick, text }) {
  const item = document.createElement("li"), svg = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  const value = document.createElement("b");
  for (const [key, v] of Object.entries({ width: 22, height: 10, "aria-hidden": "true" })) svg.setAttribute(key, v);
  path.setAttribute("d", tick ? "M11 1v9" : "M0 5h22");
  path.setAttribute("stroke", css(colour));
  path.setAttribute("stroke-width", tick ? 1.5 : name.startsWith("the other ") ? 8 : 2.5);
  if (dash) path.setAttribute("stroke-dasharray", "6 3");
  svg.append(path);
  value.textContent = text;
  item.append(svg, name + " ", value);
  return item;
}
