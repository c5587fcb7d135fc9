"use strict";
(() => {
  const root = document.documentElement;

  // Light and dark: the reader's system decides until the reader does.
  const theme = document.querySelector(".theme");
  const remembered = (() => { try { return localStorage.getItem("bn-bench-theme"); } catch { return null; } })();
  if (remembered === "light" || remembered === "dark") root.dataset.theme = remembered;
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : window.matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("bn-bench-theme", root.dataset.theme); } catch { /* not remembered */ }
  });

  // Order of two values: numbers by size, words by alphabet, nothing last whichever way the column is sorted.
  const words = new Intl.Collator("en", { numeric: true });
  const compare = (one, other, sign) => {
    if (one === "" || other === "") return (one === "") - (other === "");
    const [a, b] = [Number(one), Number(other)];
    if (Number.isNaN(a) || Number.isNaN(b)) return sign * words.compare(one, other);
    return a === b ? 0 : sign * (a < b ? -1 : 1);
  };

  const sort = (table, column) => {
    const header = table.tHead.rows[0].cells[column];
    const ascending = header.getAttribute("aria-sort") !== "ascending";
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => [row.cells[column].dataset.value ?? "", row]);
    keyed.sort((one, other) => compare(one[0], other[0], ascending ? 1 : -1));
    body.append(...keyed.map(([, row]) => row));
  };

  for (const block of document.querySelectorAll(".table")) {
    const table = block.querySelector("table");
    [...table.tHead.rows[0].cells].forEach((cell, column) => {
      cell.firstElementChild.addEventListener("click", () => sort(table, column));
    });
    const rows = [...table.tBodies[0].rows].map((row) => [row, row.textContent.toLowerCase()]);
    const status = block.querySelector(".rows");
    const total = rows.length;
    if (total > 5) block.querySelector(".filter").hidden = false;
    block.querySelector("input").addEventListener("input", (event) => {
      const wanted = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const [row, text] of rows) {
        row.hidden = !wanted.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      status.textContent = shown === total ? `${total} rows` : `${shown} of ${total} rows`;
    });
  }
})();
