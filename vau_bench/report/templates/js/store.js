// Where the data of the samples come from: compressed pieces of this file, or the server of `vau-bench view`.
const served = document.body.dataset.served !== undefined;
const KEPT = 24;

const inflated = async (id) => {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
};
const fetched = async (path) => {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
  return answer.json();
};
const remembered = (make) => {
  const known = new Map();
  return (key) => {
    const value = known.get(key) ?? make(key);
    known.delete(key);
    known.set(key, value);
    if (known.size > KEPT) known.delete(known.keys().next().value);
    return value;
  };
};

const readIndex = () => (served ? fetched("data/index") : inflated("index"));
const readChunk = remembered((number) => (served ? fetched(`data/chunk/${number}`) : inflated(`chunk-${number}`)));
const readCard = async (index, number) => (await readChunk(Math.floor(number / index.chunk)))[number % index.chunk];
// A film with its pictures: `frames` of [picture, index, time, inside].
const readFilm = async (card, number, place) => {
  if (card.lazy) return fetched(`data/film/${number}/${place}`);
  const film = card.films[place];
  if (!film.frames || film.frames.length === 0) return film;
  const pictures = document.getElementById(`reel-${film.reel}`).textContent.split(" ");
  return { ...film, frames: film.frames.map(([at, ...frame]) => [pictures[at], ...frame]) };
};
