// What the page knows of the test it shows: the last whole look, and the increments since.

function graft(old, fresh, from) {
  if (!Array.isArray(fresh)) return old;
  if (Array.isArray(fresh[0])) return fresh.map((list, i) => graft(old?.[i] ?? [], list, from));
  const list = old ? old.slice(0, from) : [];
  while (list.length < from) list.push(null);
  return list.concat(fresh);
}

function graftCurves(old, fresh, from) {
  const merged = { ...fresh };
  for (const curve of ["memory", "traffic", "latency"]) {
    if (fresh[curve] || old?.[curve]) merged[curve] = graft(old?.[curve], fresh[curve], from);
  }
  return merged;
}

// The look after an increment; null: it does not go on from here.
export function advance(look, fresh) {
  if (!look || look.generation !== fresh.generation || fresh.from > look.to) return null;
  const lines = new Map(look.lines.map((line) => [line.name, line]));
  return {
    ...fresh,
    from: 0,
    lines: fresh.lines.map((line) => graftCurves(lines.get(line.name), line, fresh.from)),
    band: graftCurves(look.band, fresh.band, fresh.from),
    kills_from: 0,
    kills: graft(look.kills, fresh.kills, fresh.kills_from),
  };
}

// The parts of a look as objects, those first that need looking at.
export function parts(look) {
  const names = ["key", "role", "memory", "rise", "rate", "kills", "deaths", "count"];
  const list = look.parts.map((part) => Object.fromEntries(names.map((name, i) => [name, part[i]])));
  return list.sort((a, b) => b.deaths - a.deaths || (b.rise ?? -1) - (a.rise ?? -1) || b.memory - a.memory);
}

export const total = (list, name) => list.reduce((sum, part) => sum + part[name], 0);

const OUTCOMES = {
  pass: ["passed", "pass"],
  fail: ["failed", "fail"],
  inconclusive: ["is inconclusive", "unsure"],
  interrupted: ["was interrupted", "unsure"],
  error: ["could not be run", "fail"],
};

export const outcome = (verdict) => OUTCOMES[verdict] ?? ["ended without a verdict", "unsure"];

// What a line of the list of tests says of its end, and in which colour.
export function stateOf(test) {
  if (test.state === "finished") return test.verdict ? [test.verdict, outcome(test.verdict)[1]] : ["no verdict", "unsure"];
  return [test.state === "started" ? "running" : "waiting", test.state === "started" ? "busy" : "quiet"];
}
