"use strict";
(() => {
  const form = document.querySelector("form.filters");
  const cards = [...document.querySelectorAll("article.sample")];
  if (!form || cards.length < 2) return;
  const output = form.querySelector("output");
  const texts = new Map();
  const textOf = (card) => {
    if (!texts.has(card)) texts.set(card, card.textContent.toLowerCase());
    return texts.get(card);
  };
  const apply = () => {
    const wanted = new FormData(form);
    const words = wanted.get("text").trim().toLowerCase();
    let count = 0;
    for (const card of cards) {
      const fits = ["task", "outcome", "class", "answer"].every(
        (name) => !wanted.get(name) || card.dataset[name] === wanted.get(name));
      card.hidden = !fits || (words !== "" && !textOf(card).includes(words));
      if (!card.hidden) count += 1;
    }
    for (const group of document.querySelectorAll("section.group")) {
      group.hidden = !group.querySelector("article.sample:not([hidden])");
    }
    output.textContent = `${count} of ${cards.length}`;
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
})();
