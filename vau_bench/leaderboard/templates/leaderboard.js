"use strict";
(() => {
  const fields = ["dataset", "kind", "task", "style", "provenance"];
  const boards = [...document.querySelectorAll("section.board")].map((section) => ({
    section,
    rows: [...section.querySelectorAll("table.ranking > tbody > tr")],
  }));

  const valueOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v !== undefined ? cell.dataset.v : cell.textContent.trim();
  };
  const sortBy = (table, heads, column) => {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const numeric = rows.every((row) => valueOf(row, column) === "" || !Number.isNaN(Number(valueOf(row, column))));
    const before = heads[column].getAttribute("aria-sort");
    const first = numeric && !/^(rank|unscored|mean rank)/.test(heads[column].textContent) ? "descending" : "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    const order = before === first ? second : first;
    const sign = order === "ascending" ? 1 : -1;
    rows.sort((a, b) => {
      const [x, y] = [valueOf(a, column), valueOf(b, column)];
      if (x === "" || y === "") return (x === "") - (y === "");
      return sign * (numeric ? Number(x) - Number(y) : x.localeCompare(y, "en"));
    });
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[column].setAttribute("aria-sort", order);
    body.append(...rows);
  };
  for (const table of document.querySelectorAll("table.ranking")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", () => sortBy(table, heads, column));
      head.replaceChildren(button);
    });
  }

  const form = document.querySelector("form.filters");
  const output = form.querySelector("output");
  const nothing = document.querySelector("p.empty");
  const groups = [...document.querySelectorAll("section.group")].reverse();
  const apply = () => {
    const wanted = new FormData(form);
    const words = wanted.get("text").trim().toLowerCase();
    const floors = wanted.get("floors") !== null;
    let count = 0;
    let total = 0;
    for (const { section, rows } of boards) {
      let left = 0;
      for (const row of rows) {
        const fits = fields.every((name) => {
          const value = wanted.get(name);
          return !value || (row.dataset[name] ?? section.dataset[name] ?? "") === value;
        });
        const named = words === "" || row.cells[0].dataset.v.toLowerCase().includes(words);
        row.hidden = !(fits && named && (floors || !row.classList.contains("floor")));
        left += row.hidden ? 0 : 1;
      }
      section.hidden = left === 0;
      count += left;
      total += rows.length;
    }
    for (const group of groups) {
      const own = group.querySelectorAll("section.board");
      group.hidden = own.length > 0 && [...own].every((section) => section.hidden);
    }
    nothing.hidden = count > 0 || total === 0;
    output.textContent = `${count} of ${total} rows`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  form.hidden = false;
  apply();
})();
