// Makes the headings of the table sort it: numbers largest first, names in order.
"use strict";
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  const key = (row, i) => row.cells[i].dataset.v ?? row.cells[i].textContent;
  const sort = (i, sign) => {
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => {
      const x = key(a, i), y = key(b, i), d = x - y;
      if (isNaN(d)) return isNaN(x) && isNaN(y) ? sign * x.localeCompare(y) : isNaN(x) ? 1 : -1;
      return sign * d;
    });
    table.tBodies[0].append(...rows);
  };
  heads.forEach((head, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const was = head.getAttribute("aria-sort");
      const up = was ? was === "descending" : i < 2;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      sort(i, up ? 1 : -1);
    });
  });
}
// A browser that prints neither fetches what it has not come to yet nor unfolds anything.
addEventListener("beforeprint", () => {
  for (const image of document.images) image.loading = "eager";
  for (const details of document.querySelectorAll("details")) details.open = true;
});
