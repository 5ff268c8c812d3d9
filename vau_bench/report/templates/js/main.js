// Puts the form, the list and the keys together.
const fillSelect = (select, pairs) => {
  for (const [value, text] of pairs) select.append(element("option", { value }, text));
  select.closest("label").hidden = pairs.length === 0;
};
const fillForm = (index, form) => {
  const present = (name, order) => order.filter((value) => index.sides.some((side) => side[name].includes(value)));
  const outcomes = ["scored", "answered", "unparsed", "refused", "truncated", "errored", "missing"];
  const same = (values) => values.map((value) => [value, value]);
  const some = (name) => index.sides.some((side) => side[name].some((value) => value !== null));
  fillSelect(form.elements.task, index.tasks.length > 1 ? index.tasks.map((task, place) => [place, task.name]) : []);
  fillSelect(form.elements.class, index.labels.map((label, place) => [place, label]));
  fillSelect(form.elements.run, index.runs.length > 1
    ? index.runs.map((run, place) => [place, `${run.letter} ${run.model}`]) : []);
  fillSelect(form.elements.outcome, same(present("outcome", outcomes)));
  fillSelect(form.elements.answer, same(present("level", ["good", "fair", "bad"])));
  fillSelect(form.elements.reflection, same(present("reflected", Object.keys(REFLECTED))));
  form.querySelector(".tiou").hidden = !some("tiou");
  form.querySelector(".judge").hidden = !some("judge");
  form.querySelector(".check").hidden = index.runs.length < 2;
  for (const [name, wanted] of [["apart", index.runs.length > 1], ["judge", some("judge")]]) {
    if (!wanted) form.elements.sort.querySelector(`[value=${name}]`).remove();
  }
};
const pressed = (form, presets) => {
  const told = [...new FormData(form)].filter(([, value]) => value !== "").map(([name, value]) => `${name}=${value}`).sort();
  for (const button of presets) {
    const own = { sort: "worst", ...PRESETS[button.value] };
    const asked = Object.entries(own).map(([name, value]) => `${name}=${value}`).sort();
    button.setAttribute("aria-pressed", String(told.join() === asked.join()));
  }
};
const listen = (form, list, presets, pagers) => {
  let waiting = 0;
  const apply = () => {
    pressed(form, presets);
    return list.apply();
  };
  form.addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, event.target.type === "search" ? 200 : 0);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  for (const button of presets) {
    button.addEventListener("click", () => {
      applyPreset(form, button.value);
      apply();
    });
  }
  for (const pager of pagers) {
    pager.querySelector(".before").addEventListener("click", () => list.turn(-1));
    pager.querySelector(".after").addEventListener("click", () => list.turn(1));
  }
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { j: () => list.step(1), k: () => list.step(-1), Escape: list.close, "/": () => form.elements.text.focus() };
    if (!act[event.key]) return;
    event.preventDefault();
    act[event.key]();
  });
  return apply;
};
const begin = async () => {
  const section = document.getElementById("samples");
  const form = section.querySelector("form.filters");
  const status = section.querySelector(".status-line");
  try {
    const index = await readIndex();
    const byName = new Map(index.tasks.map((task, place) => [task.name, place]));
    index.taskOf = (card) => byName.get(card.task);
    fillForm(index, form);
    const presets = [...section.querySelectorAll(".presets button")];
    const possible = presetTests(index);
    for (const button of presets) button.disabled = !possible[button.value];
    const pagers = [...section.querySelectorAll(".pager")];
    const list = makeList(index, form, {
      rows: section.querySelector(".rows"), count: section.querySelector("output"), empty: section.querySelector(".empty"), pagers,
    });
    const apply = listen(form, list, presets, pagers);
    await apply();
    const asked = () => /^#sample-(\d+)$/.exec(location.hash)?.[1];
    const follow = () => {
      const number = Number(asked() ?? -1);
      if (number >= 0 && number < index.ids.length) list.goTo(number);
    };
    addEventListener("hashchange", follow);
    status.hidden = true;
    section.querySelector(".controls").hidden = false;
    follow();
    document.body.dataset.ready = "";
  } catch (error) {
    status.textContent = typeof DecompressionStream === "undefined"
      ? "This browser cannot unpack the samples; a newer one can."
      : `The samples cannot be read: ${error.message}`;
    status.hidden = false;
  }
};
begin();
