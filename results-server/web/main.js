// The live page: the address says which test and host (#test=ID&host=NAME; without, the newest test);
// the stream says what is known; this file puts it on the page.
import { bytes, count, duration, perSecond, plural, rise, when } from "/web/format.js";
import { advance, outcome, parts, stateOf, total } from "/web/model.js";
import { Chart } from "/web/chart.js";
import { Stream } from "/web/stream.js";
import { Table } from "/web/table.js";

const NS = 1e9;
const by = (id) => document.getElementById(id);
const known = { tests: [], about: null, look: null, path: null, serverNs: 0, at: 0 };

// ---- where we are ----

const address = () => new URLSearchParams(location.hash.slice(1));

function go(test, host) {
  location.hash = new URLSearchParams({ test, ...(host ? { host } : {}) });
}

const chosenTest = () => address().get("test") ?? known.tests[0]?.id ?? null;

function follow() {
  const test = chosenTest(), host = address().get("host");
  const query = host ? "?" + new URLSearchParams({ host }) : "";
  const path = test ? "/test/" + encodeURIComponent(test) + "/events" + query : "/events";
  if (path === known.path) return;
  known.path = path;
  known.about = known.look = null;
  stream.open(path);
}

// ---- what the stream says ----

const stream = new Stream({
  event(name, value) {
    if (value.server_ns) Object.assign(known, { serverNs: value.server_ns, at: performance.now() });
    if (name === "tests") known.tests = value.tests;
    if (name === "test") known.about = value;
    if (name === "look") known.look = value;
    if (name === "more") known.look = advance(known.look, value) ?? known.look;
    if (name === "tests" && !address().get("test")) follow();
    draw();
  },
  state(state) {
    const words = {
      lost: "Connection lost, trying again. What is below is from before.",
      missing: "There is no such test or host here.",
    };
    by("ask").hidden = state !== "token";
    document.querySelector("main").hidden = state === "token";
    by("trouble").textContent = words[state] ?? (state === "token" && stream.token ? "That is not the token." : "");
    by("trouble").hidden = by("trouble").textContent === "";
    if (state === "token") {
      say("Flatline", "quiet");
      by("token").focus();
    }
  },
});

by("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  stream.token = by("token").value;
  by("token").value = "";
  known.path = null;
  follow();
});
addEventListener("hashchange", follow);
by("whole").addEventListener("click", () => go(chosenTest()));

// ---- time ----

const serverNow = () => known.serverNs + (performance.now() - known.at) * 1e6;

// How long the test has been running, ns.
function age(about) {
  if (!about.started_ns) return 0;
  return Math.max(0, (about.finished_ns ?? serverNow()) - about.started_ns);
}

// ---- the sentence ----

const MOST_REASON = 80;

function say(sentence, className) {
  if (by("sentence").textContent !== sentence) by("sentence").textContent = sentence;
  if (by("head").className !== className) by("head").className = className;
  document.title = sentence + " – Flatline";
}

const hostsOf = (about) => about.hosts.map(([name, state, last, offset, error, address]) => ({ name, state, last, offset, error, address }));
const lostOf = (about) => hostsOf(about).filter((host) => host.state === "lost");

function progress(about, look) {
  const now = age(about) / NS, planned = look?.duration_ns ? look.duration_ns / NS : null;
  if (about.results.length && about.results.length >= about.hosts.length + about.peers.length) return "all are done, the end is awaited";
  if (planned && now > planned) return "its " + Math.round(planned) + "\u00a0s are over, the end is awaited";
  return "running, " + Math.floor(now) + (planned ? " of " + Math.round(planned) : "") + "\u00a0s";
}

// The first of its hosts that said what was wrong.
function because(about) {
  const worst = about.results.find(([, verdict, reason]) => reason && (verdict === "fail" || verdict === "error"));
  return worst ? ": " + worst[0] + ", " + worst[2].slice(0, MOST_REASON) : "";
}

function sentence(about, look) {
  const lost = lostOf(about), names = lost.slice(0, 3).map((host) => host.name).join(", ");
  const more = lost.length > 3 ? " and " + (lost.length - 3) + " more" : "";
  const dead = lost.length ? "; lost: " + names + more : "";
  if (about.state === "finished") {
    const [words, className] = outcome(about.verdict);
    return [about.id + " " + words + (about.verdict === "pass" ? "" : because(about)) + dead, className];
  }
  if (about.state === "created") {
    const of = about.size ? about.hosts.length + " of " + plural(about.size, "host") + (about.size === 1 ? " is" : " are") + " here" : "not started";
    return [about.id + ": waiting, " + of, "quiet"];
  }
  const deaths = look?.death_count ?? 0;
  return [about.id + ": " + progress(about, look) + (deaths ? "; " + plural(deaths, "death") + " nobody ordered" : "") + dead,
    lost.length || deaths ? "fail" : "busy"];
}

// ---- facts and findings ----

function fact([term, text, className]) {
  const box = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd");
  dt.textContent = term;
  dd.textContent = text;
  dd.className = className ?? "";
  box.append(dt, dd);
  return box;
}

function drawFacts(about, list) {
  const planned = known.look?.duration_ns, seconds = age(about) / NS;
  const start = [
    ["Started", about.started_ns ? when(about.created_wall_ns + (about.started_ns - about.created_ns)) : "not yet"],
    ["Duration", (seconds < 120 ? Math.floor(seconds) + " s" : duration(age(about))) + (planned ? " of " + duration(planned) : "")],
    about.hosts.length ? ["Hosts", count(about.hosts.length)] : ["Peers", count(about.peers.length)],
  ];
  const processes = [
    ["Processes", count(total(list, "count"))],
    ["Kills", count(total(list, "kills"))],
    ["Deaths nobody ordered", count(total(list, "deaths")), total(list, "deaths") ? "fail" : ""],
  ];
  const facts = about.hosts.length && total(list, "count") ? [...start, ...processes] : start;
  by("facts").replaceChildren(...facts.map(fact));
}

function finding(className, name, text) {
  const item = document.createElement("li"), bold = document.createElement("b"), rest = document.createElement("span");
  item.className = className;
  bold.textContent = name + " ";
  rest.textContent = text;
  item.append(bold, rest);
  return item;
}

const MOST_FINDINGS = 8, MOST_MARKS = 32;
const sinceStart = (about, ns) => duration(ns - about.started_ns);

function findings(about, look) {
  const lost = lostOf(about).map((host) => finding("fail", host.name,
    host.last && about.started_ns ? "was lost: last heard " + sinceStart(about, host.last) + " after the start" : "was lost"));
  const deaths = (look?.deaths ?? []).map((death) => finding("fail", death.name,
    "on " + death.host + " died " + duration(death.time_ns) + " after the start, and nobody ordered it: " + death.reason));
  const ends = about.results.filter(([, verdict]) => verdict !== "pass").map(([name, verdict, reason]) =>
    finding(outcome(verdict)[1], name, verdict + (reason ? ": " + reason : "")));
  const all = [...lost, ...ends, ...deaths], more = all.length - MOST_FINDINGS;
  return more > 0 ? [...all.slice(0, MOST_FINDINGS), finding("fail", "and " + count(more) + " more", "")] : all;
}

// ---- charts ----

const charts = {
  memory: new Chart(by("memory"), { curve: "memory", flow: false, binary: true, format: bytes, floor: 1024 }),
  traffic: new Chart(by("traffic"), { curve: "traffic", flow: true, format: perSecond, floor: 1 }),
  latency: new Chart(by("latency"), { curve: "latency", flow: false, format: duration, floor: 1000 }),
};

function title(id, text, small) {
  const box = by(id), note = document.createElement("small");
  note.textContent = small;
  if (box.dataset.text === text + small) return;
  box.dataset.text = text + small;
  box.replaceChildren(text, note);
}

function whose(about, look) {
  const driven = about.hosts.length > 0;
  const one = look.of === "hosts" ? (driven ? "host" : "peer") : driven ? "process" : "source";
  const many = one === "process" ? "processes" : one + "s";
  if (!look.others) return "of each " + one;
  return "of the " + look.lines.length + " " + many + " that rose most, and the range of the other " + count(look.others);
}

const MEASURES = { live: "Live bytes", data: "Private writable memory", rss: "Resident memory" };

// What all that are still heard hold now; of a test that is over there is no now.
function sums(about, look, list) {
  const lost = new Set(look.of === "hosts" ? lostOf(about).map((host) => host.name) : []);
  const there = list.filter((part) => !lost.has(part.key));
  if (about.state === "finished" || there.length === 0) return ["", ""];
  return [": " + bytes(total(there, "memory")), ": " + count(total(there, "rate")) + " messages a second"];
}

const NOTHING = 1024; // bytes: what comes and goes at any moment
const risenWords = (part) => (part.rise < NOTHING ? "; nothing rose by " + NOTHING / 1024 + " KB" : "; most risen: " + part.key + ", by " + bytes(part.rise));

function drawTitles(about, look, list) {
  const [memory, traffic] = sums(about, look, list);
  const risen = list.filter((part) => part.rise !== null).sort((a, b) => b.rise - a.rise)[0];
  const measure = look.measures.map((name) => MEASURES[name]).join(", or ") || "Memory";
  title("memory-title",
    "Memory" + memory + (risen ? risenWords(risen) : ""),
    measure + " " + whose(about, look) + ". Risen: the median of the last third of the time above that of the first third.");
  title("traffic-title", "Traffic" + traffic,
    "Messages sent and received, " + whose(about, look) + "." + (look.pauses ? " It pauses for every checkpoint." : ""));
  title("latency-title", "Latency", "99th percentile, " + whose(about, look) + ".");
}

const has = (look, curve) => !!look?.lines.some((line) => line[curve]);

function drawCharts(about, look, list) {
  const marks = [
    ...lostOf(about).filter((host) => host.last).map((host) => ({ s: (host.last - about.started_ns) / NS, text: host.name + " lost", className: "fail" })),
    ...look.deaths.map((death) => ({ s: death.time_ns / NS, text: death.name + " died", className: "fail" })),
  ].slice(0, MOST_MARKS);
  const end = Math.max(look.duration_ns ?? 0, look.heard_ns, look.to * look.width_ns * 0.98) / NS;
  drawTitles(about, look, list);
  for (const chart of Object.values(charts)) if (has(look, chart.how.curve)) chart.update(look, { end, marks });
}

// ---- tables ----

const partColumns = [
  { title: "Process", text: (p) => p.key },
  { title: "Role", word: true, text: (p) => p.role ?? "" },
  { title: "Memory", text: (p) => bytes(p.memory), value: (p) => p.memory },
  { title: "Risen", text: (p) => (p.rise === null ? "–" : rise(p.rise)), value: (p) => p.rise },
  { title: "Messages", text: (p) => (p.rate === null ? "–" : perSecond(p.rate)), value: (p) => p.rate },
  { title: "Kills", text: (p) => count(p.kills), value: (p) => p.kills },
  { title: "Deaths", text: (p) => count(p.deaths), value: (p) => p.deaths, className: (p) => (p.deaths ? "fail" : "") },
];
const heard = (host) => (host.last ? Math.max(0, serverNow() - host.last) : null);
const hostColumns = [
  { title: "Host", text: (h) => h.key },
  { title: "State", word: true, text: (h) => h.state, className: (h) => (h.state === "lost" ? "fail" : h.state === "done" ? "pass" : "") },
  { title: "Last heard", text: (h) => (heard(h) === null ? "–" : duration(heard(h)) + " ago"), value: heard },
  ...partColumns.slice(2),
  { title: "Processes", text: (h) => count(h.count), value: (h) => h.count },
  { title: "Clock", text: (h) => (h.offset === null ? "–" : duration(h.offset) + " ± " + duration(h.error)), value: (h) => h.offset },
];
const testColumns = [
  { title: "Test", text: (t) => t.key },
  { title: "State", word: true, text: (t) => stateOf(t)[0], className: (t) => stateOf(t)[1] },
  { title: "Made", text: (t) => when(t.created_wall_ns), value: (t) => t.created_wall_ns },
  { title: "Took", text: (t) => (t.started_ns ? duration((t.finished_ns ?? serverNow()) - t.started_ns) : "–"), value: (t) => (t.finished_ns ?? serverNow()) - t.started_ns },
  { title: "Hosts", text: (t) => count(t.hosts), value: (t) => t.hosts },
  { title: "Peers", text: (t) => count(t.peers), value: (t) => t.peers },
];
const tables = {
  tests: new Table(by("tests"), "Tests, the newest first", testColumns, (id) => { go(id); scrollTo(0, 0); }),
  hosts: new Table(by("hosts"), "Hosts", hostColumns, (name) => go(chosenTest(), name)),
  parts: new Table(by("parts"), "Processes", partColumns, null),
  values: new Table(by("values"), "Last values", [
    { title: "Source", text: (v) => v.source },
    { title: "Name", word: true, text: (v) => v.name },
    { title: "Value", text: (v) => Number(v.value.toPrecision(6)).toLocaleString("en"), value: (v) => v.value },
  ], null),
};

// Hosts that have come, with what their processes hold; and peers that are no hosts.
function hostRows(about, look, list) {
  const held = new Map(look?.of === "hosts" ? list.map((part) => [part.key, part]) : []);
  const done = new Set(about.results.map(([name]) => name));
  const measured = look?.measures.length ? {} : { memory: null };
  const nothing = { memory: null, rise: null, rate: null, kills: null, deaths: null, count: null };
  const rows = hostsOf(about).map((host) => ({ ...nothing, ...held.get(host.name), ...host, key: host.name }));
  const peers = about.peers.filter(([name]) => !rows.some((row) => row.key === name))
    .map(([name, last]) => ({ ...nothing, ...held.get(name), ...measured, key: name, state: done.has(name) ? "done" : "peer", last, offset: null }));
  return [...rows, ...peers].sort((a, b) => (b.state === "lost") - (a.state === "lost") || (b.deaths ?? 0) - (a.deaths ?? 0) || (b.rise ?? 0) - (a.rise ?? 0));
}

function drawTables(about, look, list) {
  const rows = hostRows(about, look, list), host = address().get("host");
  const values = Object.entries(look?.values ?? {}).flatMap(([source, said]) =>
    Object.entries(said).sort().map(([name, value]) => ({ key: source + " " + name, source, name, value })));
  by("hosts").parentElement.hidden = rows.length === 0 || !!host;
  by("parts").parentElement.hidden = look?.of !== "processes";
  by("values").parentElement.hidden = values.length === 0;
  if (!by("hosts").parentElement.hidden) tables.hosts.update(rows, host);
  if (look?.of === "processes") tables.parts.update(list, null);
  tables.values.update(values, null);
  by("hosts-title").textContent = about.hosts.length ? "Hosts" : "Peers";
  by("parts-title").textContent = about.hosts.length ? "Processes" : "Sources";
}

// ---- all of it ----

const LONG_NS = 10 * NS; // after so much time something should have come

function drawTest(about, look) {
  const list = look ? parts(look) : [], host = address().get("host");
  drawFacts(about, list);
  by("findings").replaceChildren(...findings(about, look));
  by("scope").hidden = !host;
  by("host").textContent = host ?? "";
  for (const curve of Object.keys(charts)) by(curve).parentElement.hidden = !has(look, curve);
  by("nothing").hidden = Object.keys(charts).some((curve) => has(look, curve)) || age(about) < LONG_NS;
  if (look) drawCharts(about, look, list);
  drawTables(about, look, list);
}

function draw() {
  const { about, look, tests } = known;
  tables.tests.update(tests.map((test) => ({ ...test, key: test.id })), about?.id);
  by("test").hidden = !about;
  if (about) {
    drawTest(about, look);
    say(...sentence(about, look));
  } else if (!chosenTest()) {
    say("No test yet", "quiet");
  }
}

if (!globalThis.uPlot) {
  for (const id of ["memory", "traffic", "latency"])
    by(id).textContent = "No curves: this server was built without uPlot (npm ci --prefix results-server/web, then configure again).";
}
setInterval(() => { if (known.about) draw(); }, 1000);
follow();
