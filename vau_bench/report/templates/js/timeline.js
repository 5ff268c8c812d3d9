// Truth and answers on the clock of the video.
const ROLES = { truth: "truth", first: "before reflection", answer: "answer" };

const barOf = (lane, [x, width, valid, score]) => {
  const height = 100 * score;
  return drawn("rect", {
    class: `${lane.role}${lane.run >= 0 ? ` run-${lane.run % 8}` : ""}${valid ? "" : " invalid"}`,
    x: `${x}%`, width: `${width}%`, y: `${100 - height}%`, height: `${height}%`, rx: score < 1 ? 0 : 3,
  });
};
const laneOf = (runs, line, lane) => {
  const scored = lane.bars.some(([, , , score]) => score < 1);
  const who = lane.role === "answer" && runs.length === 1 ? "prediction" : ROLES[lane.role];
  const name = lane.run >= 0 && runs.length > 1 ? `${runs[lane.run].letter} ${who}` : who;
  return element("div", { class: "lane" },
    element("span", { class: "who" }, lane.run >= 0 ? letterOf(runs, lane.run) : null, " ", who),
    drawn("svg", { class: `track${scored ? " scored" : ""}`, role: "img", "aria-label": `${name}: ${lane.told}` },
      drawn("rect", { class: "ground", width: `${line.end ?? 100}%`, height: "100%", rx: 3 }),
      scored ? drawn("line", { class: "alarm", x1: "0", x2: `${line.end ?? 100}%`, y1: "50%", y2: "50%" }) : null,
      lane.bars.map((bar) => barOf(lane, bar))),
    element("span", { class: "said" }, lane.told));
};
const clockOf = (line) => element("div", { class: "lane" },
  element("span", { class: "who muted" }, line.ticks.length ? "frames" : ""),
  element("div", { class: "clock" },
    line.ticks.length
      ? drawn("svg", { class: "ticks", "aria-hidden": "true" },
        line.ticks.map((x) => drawn("line", { x1: `${x}%`, x2: `${x}%`, y1: "0", y2: "100%" })))
      : null,
    element("div", { class: "scale muted" }, element("span", {}, "0 s"),
      element("span", {}, `${line.horizon.toFixed(1)} s${line.end === null ? ", length of the video unknown" : ""}`))));
const timelineOf = (runs, line) =>
  element("div", { class: "timeline" }, line.lanes.map((lane) => laneOf(runs, line, lane)), clockOf(line));
