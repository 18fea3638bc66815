// Server-sent events by fetch: an EventSource cannot send the token. Connects again by itself; every
// connection begins with all there is, so nothing is missed and nothing counted twice.
const SILENCE_MS = 20000; // the server says something every few seconds
const FIRST_WAIT_MS = 500, MOST_WAIT_MS = 5000;

const sleep = (ms, signal) => new Promise((done) => {
  const timer = setTimeout(done, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
});

// "event: NAME\ndata: JSON" or a comment.
function deliver(block, onEvent) {
  let name = "message", data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) data += line.slice(6);
  }
  if (data) onEvent(name, JSON.parse(data));
}

async function read(body, onEvent, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) deliver(block, onEvent);
  }
}

// on: event(name, value), state("open" | "lost" | "token" | "missing")
export class Stream {
  constructor(on) {
    this.on = on;
    this.token = "";
  }

  open(path) {
    this.close();
    this.control = new AbortController();
    this.run(path, this.control.signal);
  }

  close() {
    this.control?.abort();
  }

  async run(path, signal) {
    let wait = FIRST_WAIT_MS;
    while (!signal.aborted) {
      const outcome = await this.once(path, signal, () => { wait = FIRST_WAIT_MS; });
      if (signal.aborted) return;
      this.on.state(outcome);
      if (outcome === "token") return;
      await sleep(wait, signal);
      wait = Math.min(2 * wait, MOST_WAIT_MS);
    }
  }

  // One connection, to its end.
  async once(path, signal, began) {
    const quiet = new AbortController();
    const end = () => quiet.abort();
    let timer = setTimeout(end, SILENCE_MS);
    signal.addEventListener("abort", end, { once: true });
    const alive = () => { clearTimeout(timer); timer = setTimeout(end, SILENCE_MS); };
    try {
      const headers = this.token ? { Authorization: "Bearer " + this.token } : {};
      const answer = await fetch(path, { headers, signal: quiet.signal, cache: "no-store" });
      if (answer.status === 401) return "token";
      if (answer.status === 404) return "missing";
      if (!answer.ok) return "lost";
      began();
      this.on.state("open");
      await read(answer.body, (name, value) => { if (!signal.aborted) this.on.event(name, value); }, alive);
    } catch {
      // the server went away, or was silent; it is said below
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      end();
    }
    return "lost";
  }
}
