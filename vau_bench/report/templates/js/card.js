// One sample, opened.
const PARTS = { think: "reasoning", answer: "answer", glue: "interval", reflect: "reflection" };
const REFLECTED = { repaired: "good", broken: "bad", "kept right": "", "kept wrong": "" };

const factsOf = (facts, kind = "") => element("dl", { class: `facts ${kind}` }, facts.filter(([, value]) => value).map(([name, value]) =>
  element("div", {}, element("dt", {}, name), element("dd", {}, isolated(value)))));
const verdictChip = (answer) => (answer.verdict
  ? chip(answer.verdict[0], answer.verdict[1])
  : element("span", { class: "chip" }, element("i", { class: `key o-${answer.outcome}` }), answer.outcome));

const optionsOf = (runs, card) => {
  const said = (letter) => card.answers.map((answer) => {
    if (answer.prediction !== letter && answer.first !== letter) return null;
    const what = answer.prediction === letter ? "chosen" : "chosen before reflection";
    return element("span", { class: "chip" }, letterOf(runs, answer.run), runs.length > 1 ? " " : "", what);
  });
  const odds = (letter) => card.answers.filter((answer) => answer.options[letter]).map((answer) =>
    element("span", { class: "muted small" }, letterOf(runs, answer.run), ` ${answer.options[letter]}`));
  return element("ul", { class: "options" }, card.options.map(({ letter, text, right }) => {
    const chosen = card.answers.some((answer) => answer.prediction === letter);
    return element("li", { class: `${right ? "right " : ""}${chosen ? "chosen" : ""}` },
      element("b", {}, letter), " ", isolated(text), " ", right ? chip("right option", "good") : null, " ", said(letter), " ",
      odds(letter));
  }));
};

const filmOf = (runs, card, number, place) => {
  const film = card.films[place];
  const whose = runs.length > 1 ? film.runs.map((run) => letterOf(runs, run)) : [];
  const note = element("p", { class: "muted small" }, whose, " ", isolated(film.told));
  const frames = element("div", { class: "film" });
  const shown = element("div", { class: "footage" }, frames, note);
  readFilm(card, number, place).then((found) => {
    const [width, height] = found.size ?? [0, 0];
    frames.append(...(found.frames ?? []).map(([picture, index, time, inside]) =>
      element("figure", { class: inside ? "inside" : "" },
        element("img", { src: `data:image/webp;base64,${picture}`, width, height, decoding: "async",
          alt: `frame ${index} at ${time.toFixed(2)} s${inside ? ", in the true interval" : ""}` }),
        element("figcaption", {}, `${time.toFixed(2)} s `, element("span", { class: "muted" }, `#${index}`)))));
    if (found.problem) note.append(" Frames are not available: ", isolated(found.problem), ".");
    else if (!found.frames) note.append(" This report holds no frames of this sample; vau-bench view shows them.");
    else if (found.frames.length < found.total) {
      note.append(` ${found.frames.length} of the ${found.total} are shown, evenly chosen.`);
    }
  }).catch((error) => note.append(` Frames cannot be shown: ${error.message}.`));
  return shown;
};

const responseOf = (answer) => answer.parts.map(([kind, evidence, text]) => {
  if (kind === "gap") return element("span", { class: "gap" }, text);
  const piece = evidence ? element("mark", {}, isolated(text)) : isolated(text);
  return PARTS[kind] ? element("span", { class: `part ${kind}`, title: PARTS[kind] }, piece) : piece;
});
const legendOf = (answer) => {
  const kinds = Object.keys(PARTS).filter((kind) => answer.parts.some(([own]) => own === kind));
  return kinds.length ? element("p", { class: "parts small" },
    kinds.map((kind) => element("span", { class: `part ${kind}` }, PARTS[kind]))) : null;
};
const judgedOf = (answer) => (answer.judged.length ? element("div", { class: "judged" },
  answer.judged.map((one) => element("div", { class: "verdict" },
    element("p", {}, element("b", {}, one.score === null ? "no verdict" : `${one.score} of 10`), " ", isolated(one.judge),
      element("span", { class: "muted small" }, ` ${one.rubric}, ${one.part} answer`)),
    element("p", { class: "small muted" }, isolated(Object.entries(one.scores).map(([name, score]) => `${name} ${score}`).join(", "))),
    one.reason ? element("p", {}, isolated(one.reason)) : null))) : null);

const answerOf = (index, card, answer, words) => {
  const { runs } = index;
  const name = runs[answer.run];
  const text = element("pre", { dir: "auto", tabindex: 0, role: "region", "aria-label": `response of ${name.letter}` },
    words ?? responseOf(answer));
  const worded = card.worded && (answer.prediction || answer.first || answer.outcome === "scored");
  const command = index.tasks[index.taskOf(card)].commands[answer.run];
  return element("section", { class: `reply run-${answer.run % 8}`, "aria-label": `answer of ${name.letter}` },
    element("h4", {}, letterOf(runs, answer.run), isolated(name.model), element("span", { class: "chips" },
      verdictChip(answer), answer.reflected ? chip(answer.reflected, REFLECTED[answer.reflected]) : null,
      answer.flags.map((flag) => chip(flag, "fair")))),
    answer.error ? element("p", { class: "note" }, isolated(answer.error)) : null,
    worded ? factsOf([["answer", answer.prediction || "none"], ["before reflection", answer.first]]) : null,
    answer.length ? [element("p", { class: "muted small" }, `${answer.length.toLocaleString("en")} characters`,
      answer.rule ? [", read by rule ", element("code", {}, answer.rule)] : null), words ? null : legendOf(answer), text] : null,
    judgedOf(answer),
    card.films.some((film) => film.runs.includes(answer.run)) ? null : element("p", { class: "muted small" }, answer.seen),
    element("details", {}, element("summary", {}, "Command and particulars"),
      command ? element("code", { class: "block" }, isolated(command)) : null, factsOf(answer.facts)));
};

const textOf = (answer) => answer.parts.map(([, , text]) => text).join("");
const answersOf = (index, card, pair) => {
  const [a, b] = pair.map((run) => card.answers.find((answer) => answer.run === run));
  const compared = a && b ? comparedWords(textOf(a), textOf(b)) : null;
  const words = (answer) => {
    if (compared && answer === a) return markedWords(compared[0], "del");
    return compared && answer === b ? markedWords(compared[1], "ins") : null;
  };
  return element("div", { class: "replies" }, card.answers.map((answer) => answerOf(index, card, answer, words(answer))));
};
const pairsOf = (index, card, state, refresh) => {
  const held = card.answers.map((answer) => answer.run);
  if (held.length < 2) return null;
  const select = element("select", { name: "difference" }, element("option", { value: "" }, "parsed parts"));
  for (const [place, a] of held.entries()) {
    for (const b of held.slice(place + 1)) {
      const letters = `${index.runs[a].letter} and ${index.runs[b].letter}`;
      select.append(element("option", { value: `${a},${b}` }, `words that differ, ${letters}`));
    }
  }
  select.value = state.pair.join(",");
  if (select.selectedIndex < 0) select.value = "";
  select.addEventListener("change", () => {
    state.pair = select.value ? select.value.split(",").map(Number) : [];
    refresh();
  });
  return element("p", { class: "marking" }, element("label", {}, "mark ", select));
};

const cardOf = (index, card, number, state) => {
  const { runs } = index;
  const facts = [["task", card.task], ["class", card.label ?? "unknown"], ["video", card.video], ["source video", card.group]];
  if (card.truth) facts.push(["truth", card.truth]);
  const answers = element("div", {});
  const refresh = () => answers.replaceChildren(answersOf(index, card, state.pair));
  const pairs = pairsOf(index, card, state, refresh);
  refresh();
  return element("div", { class: "opened" },
    card.question ? element("p", { class: "question" }, isolated(card.question)) : null,
    card.options.length ? optionsOf(runs, card) : null,
    card.timeline ? timelineOf(runs, card.timeline) : null,
    card.films.map((_, place) => filmOf(runs, card, number, place)),
    factsOf(facts, "inline"), pairs, answers);
};
