// Elements made of data: texts only ever become text, never markup.
const made = (namespace, tag, attributes, children) => {
  const node = namespace ? document.createElementNS(namespace, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
};
const element = (tag, attributes = {}, ...children) => made(null, tag, attributes, children);
const drawn = (tag, attributes = {}, ...children) => made("http://www.w3.org/2000/svg", tag, attributes, children);
const isolated = (text) => element("bdi", {}, text);
const chip = (text, kind = "") => element("span", { class: `chip ${kind}` }, isolated(text));
const letterOf = (runs, run) =>
  runs.length > 1 ? element("b", { class: `letter run-${run % 8}` }, runs[run].letter) : null;
