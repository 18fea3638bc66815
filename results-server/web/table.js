// A table that lives: rows by key, sorted by a click on a heading, the first few unless all are asked
// for. Only what changed is touched, so that focus and selection stay.
const FEW = 20;

export class Table {
  // columns: [{title, text(row), value(row), word, className(row)}]; the first names the row.
  // choose(key), or null: rows are buttons.
  constructor(box, caption, columns, choose) {
    this.columns = columns;
    this.choose = choose;
    this.sort = null;
    this.rows = new Map();
    this.table = document.createElement("table");
    this.table.setAttribute("aria-label", caption);
    this.head();
    this.body = this.table.createTBody();
    this.more = document.createElement("button");
    this.more.type = "button";
    this.more.className = "more";
    this.more.addEventListener("click", () => { this.all = !this.all; this.update(this.data, this.current); });
    const wide = document.createElement("div");
    wide.className = "wide";
    wide.append(this.table);
    box.replaceChildren(wide, this.more);
  }

  head() {
    const row = this.table.createTHead().insertRow();
    this.columns.forEach((column, i) => {
      const cell = document.createElement("th"), button = document.createElement("button");
      cell.scope = "col";
      if (column.word) cell.className = "word";
      button.type = "button";
      button.textContent = column.title;
      button.addEventListener("click", () => this.sortBy(i, cell));
      cell.append(button);
      row.append(cell);
    });
  }

  sortBy(i, cell) {
    const words = this.columns[i].word || i === 0;
    const down = this.sort?.i === i ? !this.sort.down : !words;
    for (const other of this.table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    cell.setAttribute("aria-sort", down ? "descending" : "ascending");
    this.sort = { i, down };
    this.update(this.data, this.current);
  }

  ordered() {
    if (!this.sort) return this.data;
    const { value, text } = this.columns[this.sort.i], sign = this.sort.down ? -1 : 1;
    const key = value ?? text;
    return [...this.data].sort((a, b) => {
      const x = key(a), y = key(b);
      if (typeof x === "string" || typeof y === "string") return sign * String(x).localeCompare(String(y));
      return sign * ((x ?? -Infinity) - (y ?? -Infinity)) || 0;
    });
  }

  row(key) {
    const row = document.createElement("tr");
    this.columns.forEach((column, i) => {
      const cell = document.createElement(i === 0 ? "th" : "td");
      if (i === 0) cell.scope = "row";
      if (i === 0 && this.choose) {
        const button = document.createElement("button");
        button.type = "button";
        button.addEventListener("click", () => this.choose(key));
        cell.append(button);
      }
      row.append(cell);
    });
    this.rows.set(key, row);
    return row;
  }

  fill(row, item) {
    this.columns.forEach((column, i) => {
      const cell = row.cells[i], target = cell.firstElementChild ?? cell, text = column.text(item);
      const name = [column.word ? "word" : "", column.className?.(item) ?? ""].join(" ").trim();
      if (target.textContent !== text) target.textContent = text;
      if (cell.className !== name) cell.className = name;
    });
  }

  // data: [{key, ...}], in the order of need; current: the key that is looked at.
  update(data, current) {
    this.data = data;
    this.current = current;
    const shown = this.ordered().slice(0, this.all ? data.length : FEW);
    const keys = new Set(shown.map((item) => item.key));
    for (const [key, row] of this.rows) {
      if (keys.has(key)) continue;
      row.remove();
      this.rows.delete(key);
    }
    shown.forEach((item, i) => {
      const row = this.rows.get(item.key) ?? this.row(item.key);
      this.fill(row, item);
      row.toggleAttribute("aria-current", item.key === current);
      if (item.key === current) row.setAttribute("aria-current", "true");
      if (this.body.rows[i] !== row) this.body.insertBefore(row, this.body.rows[i] ?? null);
    });
    this.more.hidden = data.length <= FEW;
    this.more.textContent = this.all ? "Only the first " + FEW : "All " + data.length.toLocaleString("en");
  }
}
