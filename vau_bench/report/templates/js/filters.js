// What the form asks for, as a test and an order of sample numbers.
const rangeOf = (wanted, name) => {
  const [low, high] = ["low", "high"].map((end) => wanted.get(`${name}-${end}`) ?? "");
  if (low === "" && high === "") return () => true;
  const [from, to] = [low === "" ? -Infinity : Number(low), high === "" ? Infinity : Number(high)];
  return (value) => value !== null && value >= from && value <= to;
};
const sidesOf = (index, wanted) => {
  const run = wanted.get("run") ?? "";
  return run === "" ? index.sides : [index.sides[Number(run)]];
};
// Tells whether one answer of the chosen runs fits all that is asked of answers.
const sideTest = (wanted) => {
  const same = (name) => (wanted.get(name) ?? "") || null;
  const [outcome, level, reflected] = [same("outcome"), same("answer"), same("reflection")];
  const [tiou, judge] = [rangeOf(wanted, "tiou"), rangeOf(wanted, "judge")];
  return (side, number) => side.outcome[number] !== null
    && (!outcome || side.outcome[number] === outcome)
    && (!level || side.level[number] === level)
    && (!reflected || side.reflected[number] === reflected)
    && tiou(side.tiou[number]) && judge(side.judge[number]);
};
const sampleTest = (index, wanted) => {
  const [task, label] = ["task", "class"].map((name) => wanted.get(name) ?? "");
  const disagree = wanted.get("disagree") !== null;
  const sides = sidesOf(index, wanted);
  const fits = sideTest(wanted);
  return (number) => (task === "" || index.task[number] === Number(task))
    && (label === "" || index.label[number] === Number(label))
    && (!disagree || index.disagree[number] === 1)
    && sides.some((side) => fits(side, number));
};

const meanOf = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : 0);
const sorted = (index, wanted, numbers) => {
  const sides = sidesOf(index, wanted);
  const valuesOf = (name, number) => sides.map((side) => side[name][number]).filter((value) => value !== null);
  const goodness = (number) => meanOf(valuesOf("goodness", number));
  const spread = (number) => {
    const values = valuesOf("goodness", number);
    return values.length ? Math.max(...values) - Math.min(...values) : 0;
  };
  const judge = (number) => {
    const values = valuesOf("judge", number);
    return values.length ? meanOf(values) : Infinity;
  };
  const keys = {
    worst: goodness, best: (number) => -goodness(number), apart: (number) => -spread(number), judge,
    id: null, task: (number) => number,
  };
  const key = keys[wanted.get("sort")];
  if (key === null) {
    return numbers.sort((a, b) => index.ids[a].localeCompare(index.ids[b], "en", { numeric: true }) || a - b);
  }
  const values = new Map(numbers.map((number) => [number, key(number)]));
  return numbers.sort((a, b) => (values.get(a) === values.get(b) ? a - b : values.get(a) < values.get(b) ? -1 : 1));
};

// Numbers of the samples that hold the words; reads everything once, then remembers it.
const texts = [];
const withWords = async (index, numbers, words, told, current) => {
  const found = [];
  for (const number of numbers) {
    if (texts[number] === undefined) {
      const place = Math.floor(number / index.chunk);
      told(place);
      const cards = await readChunk(place);
      if (!current()) return null;
      cards.forEach((card, at) => {
        const said = card.answers.map((answer) => [textOf(answer), answer.error, answer.prediction]);
        texts[place * index.chunk + at] = [card.id, card.task, card.label, card.video, card.question,
          card.options.map((option) => option.text), said].flat(3).join("\n").toLowerCase();
      });
    }
    if (texts[number].includes(words)) found.push(number);
  }
  return found;
};

const PRESETS = {
  worst: { sort: "worst" },
  unparsed: { outcome: "unparsed" },
  broken: { reflection: "broken" },
  disagree: { disagree: "on", sort: "apart" },
};
const applyPreset = (form, name) => {
  form.reset();
  for (const [field, value] of Object.entries(PRESETS[name])) {
    const control = form.elements[field];
    if (control.type === "checkbox") control.checked = true;
    else control.value = value;
  }
};
// Which presets can find anything.
const presetTests = (index) => ({
  worst: index.ids.length > 0,
  unparsed: index.sides.some((side) => side.outcome.includes("unparsed")),
  broken: index.sides.some((side) => side.reflected.includes("broken")),
  disagree: index.disagree.includes(1),
});
