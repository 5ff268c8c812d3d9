// Which words of two texts differ: the longest common subsequence of their words.
const MOST_CELLS = 4_000_000;

const commonPairs = (a, b) => {
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] = a[i] === b[j]
        ? lengths[(i + 1) * width + j + 1] + 1
        : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  const pairs = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) i += 1;
    else j += 1;
  }
  return pairs;
};

// Returns, for each text, its words with whether the other text has them in the same order.
const comparedWords = (first, second) => {
  const [a, b] = [first, second].map((text) => text.match(/\s+|[\p{L}\p{N}_.]+|[^\s\p{L}\p{N}_.]/gu) ?? []);
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head && a.at(-1 - tail) === b.at(-1 - tail)) tail += 1;
  const [insideA, insideB] = [a, b].map((words) => words.slice(head, words.length - tail));
  const small = insideA.length < 65_000 && insideA.length * insideB.length <= MOST_CELLS;
  const pairs = small ? commonPairs(insideA, insideB) : [];
  const told = (words, side) => {
    const common = new Set(pairs.map((pair) => pair[side] + head));
    return words.map((word, place) => [word, place < head || place >= words.length - tail || common.has(place)]);
  };
  return [told(a, 0), told(b, 1)];
};

// Returns elements of the words of one text; runs of equal kind are one.
const markedWords = (words, tag) => {
  const pieces = [];
  for (const [word, same] of words) {
    if (pieces.length && pieces.at(-1).same === same) pieces.at(-1).text += word;
    else pieces.push({ text: word, same });
  }
  return pieces.map((piece) => (piece.same ? isolated(piece.text) : element(tag, {}, isolated(piece.text))));
};
