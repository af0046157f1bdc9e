"use strict";
// Tables are sorted by their headers, up and down in turn; cells without a value stay last. Paper has no folds.
for (const table of document.querySelectorAll("table.sortable")) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    header.setAttribute("aria-sort", "none");
    header.firstElementChild.addEventListener("click", () => sort(table, headers, column));
  });
}

function sort(table, headers, column) {
  const falling = headers[column].getAttribute("aria-sort") === "ascending";
  headers.forEach((header, i) =>
    header.setAttribute("aria-sort", i !== column ? "none" : falling ? "descending" : "ascending"));
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => [valueOf(row.cells[column]), row]);
  keyed.sort(([a], [b]) => (a === null) - (b === null) || (falling ? compare(b, a) : compare(a, b)));
  body.append(...keyed.map(([, row]) => row));
}

function valueOf(cell) {
  if ("key" in cell.dataset) return Number(cell.dataset.key);
  const text = cell.textContent.trim();
  return text === "-" || text === "" ? null : text;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

const folded = new Set();
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not([open])")) {
    folded.add(part);
    part.open = true;
  }
});
addEventListener("afterprint", () => {
  for (const part of folded) part.open = false;
  folded.clear();
});
