// The list: a page of rows, one of them opened.
const ROWS = 50;

const rowOf = (index, number, open) => {
  const sides = index.sides.map((side, run) => (side.outcome[number] === null ? null : [
    element("span", { class: "side" }, letterOf(index.runs, run), " ",
      side.level[number] === null
        ? element("span", { class: "chip" }, element("i", { class: `key o-${side.outcome[number]}` }), side.told[number])
        : chip(side.told[number], side.level[number]),
      ["repaired", "broken"].includes(side.reflected[number])
        ? chip(side.reflected[number], REFLECTED[side.reflected[number]]) : null,
      side.judge[number] === null ? null : chip(`judge ${side.judge[number]}`))]));
  const button = element("button", { type: "button", "aria-expanded": "false" },
    element("span", { class: "id" }, isolated(index.ids[number])), " ",
    element("span", { class: "muted small" }, isolated(index.tasks[index.task[number]].name), " · ",
      isolated(index.labels[index.label[number]])), " ",
    element("span", { class: "chips" }, sides));
  button.addEventListener("click", () => open(number));
  return element("li", { class: "sample", id: `sample-${number}` }, element("h3", { class: "row" }, button));
};

const makeList = (index, form, parts) => {
  const state = { order: [], page: 0, open: null, pair: [], token: 0 };
  const pages = () => Math.max(1, Math.ceil(state.order.length / ROWS));

  const close = () => {
    const row = state.open === null ? null : document.getElementById(`sample-${state.open}`);
    state.open = null;
    if (!row) return;
    row.classList.remove("open");
    row.querySelector("button").setAttribute("aria-expanded", "false");
    row.querySelector(".opened")?.remove();
  };
  const show = async (number) => {
    close();
    state.open = number;
    const row = document.getElementById(`sample-${number}`);
    row.classList.add("open");
    row.querySelector("button").setAttribute("aria-expanded", "true");
    history.replaceState(null, "", `#sample-${number}`);
    try {
      const card = await readCard(index, number);
      if (state.open === number && row.isConnected && !row.querySelector(".opened")) {
        row.append(cardOf(index, card, number, state));
      }
    } catch (error) {
      row.append(element("p", { class: "note bad opened" }, `This sample cannot be read: ${error.message}`));
    }
  };
  const toggle = (number) => (state.open === number ? close() : show(number));

  const paint = () => {
    const begin = state.page * ROWS;
    const numbers = state.order.slice(begin, begin + ROWS);
    state.open = null;
    parts.rows.replaceChildren(...numbers.map((number) => rowOf(index, number, toggle)));
    parts.rows.start = begin + 1;
    parts.empty.hidden = state.order.length > 0;
    parts.count.textContent = `${state.order.length.toLocaleString("en")} of ${index.ids.length.toLocaleString("en")}`;
    for (const pager of parts.pagers) {
      pager.hidden = pages() === 1;
      pager.querySelector(".where").textContent = `page ${state.page + 1} of ${pages()}`;
      pager.querySelector(".before").disabled = state.page === 0;
      pager.querySelector(".after").disabled = state.page === pages() - 1;
    }
  };
  const turn = (step) => {
    state.page = Math.min(pages() - 1, Math.max(0, state.page + step));
    paint();
  };
  const apply = async () => {
    const token = (state.token += 1);
    const wanted = new FormData(form);
    const test = sampleTest(index, wanted);
    let numbers = [...index.ids.keys()].filter(test);
    const words = (wanted.get("text") ?? "").trim().toLowerCase();
    if (words !== "") {
      const total = Math.ceil(index.ids.length / index.chunk);
      const told = (place) => { parts.count.textContent = `searching, ${Math.round((100 * place) / total)}%`; };
      numbers = await withWords(index, numbers, words, told, () => token === state.token);
      if (numbers === null) return;
    }
    state.order = sorted(index, wanted, numbers);
    state.page = 0;
    paint();
  };
  const goTo = async (number) => {
    let place = state.order.indexOf(number);
    if (place < 0) {
      form.reset();
      await apply();
      place = state.order.indexOf(number);
    }
    if (place < 0) return;
    if (Math.floor(place / ROWS) !== state.page) {
      state.page = Math.floor(place / ROWS);
      paint();
    }
    const shown = show(number);
    const row = document.getElementById(`sample-${number}`);
    row.scrollIntoView({ block: "start" });
    row.querySelector("button").focus({ preventScroll: true });
    await shown;
  };
  const step = (by) => {
    const at = state.open === null ? (by > 0 ? state.page * ROWS - 1 : state.page * ROWS + 1) : state.order.indexOf(state.open);
    const next = Math.min(state.order.length - 1, Math.max(0, at + by));
    if (state.order.length) goTo(state.order[next]);
  };
  return { apply, turn, step, close, goTo };
};
