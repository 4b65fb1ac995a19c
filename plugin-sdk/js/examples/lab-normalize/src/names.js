// PID-5: the case of names, in every repetition, for the family name, the given name and further given names. Prefix,
// suffix and degree stay as they came, because `III` and `PhD` have a case of their own.

/** Family name, given name, further given names; of a family name with parts, the surname. */
const PARTS = ["1.1", "2.1", "3.1"];

/** What begins a new word within a name. */
const SEPARATOR = /(?<=[\s\-\u2010\u2011\u2013'\u2019.])/u;

const REWRITE = { title, upper: (name) => name.toUpperCase() };

export function normalizeNames(message, nameCase) {
  const rewrite = REWRITE[nameCase];
  if (rewrite === undefined) {
    return [];
  }
  const paths = pathsOf(message);
  const names = message.getMany(paths).map((name) => name ?? "");
  return paths.map((path, index) => [path, rewrite(names[index])]).filter(([, name], index) => name !== names[index]);
}

function pathsOf(message) {
  const paths = [];
  for (let patient = 1; patient <= message.count("PID"); patient += 1) {
    const repetitions = message.count(`PID[${patient}]-5`);
    for (let repetition = 1; repetition <= repetitions; repetition += 1) {
      paths.push(...PARTS.map((part) => `PID[${patient}]-5[${repetition}].${part}`));
    }
  }
  return paths;
}

/**
 * `SZABÓ-NAGY` becomes `Szabó-Nagy`, and `o'brien` becomes `O'Brien`.
 *
 * A name that has capitals and small letters already was written by somebody who knew: in it only words that are all
 * capitals change, so that `McDonald`, `von Neumann` and `Kovács B.` stay.
 */
function title(name) {
  const isMixed = [...name].some(isCapital) && [...name].some(isSmall);
  const words = name.split(SEPARATOR);
  return words.map((word) => (isMixed && !isShouted(word) ? word : capitalized(word))).join("");
}

/** More than one letter, and all of them capitals. */
function isShouted(word) {
  const letters = [...word].filter((character) => isCapital(character) || isSmall(character));
  return letters.length > 1 && letters.every(isCapital);
}

// The engine in a plugin knows the case of letters, but not the classes of Unicode (`\p{..}`).

function isCapital(character) {
  return character.toLowerCase() !== character;
}

function isSmall(character) {
  return character.toUpperCase() !== character;
}

function capitalized(word) {
  const [first = "", ...rest] = word;
  return first.toUpperCase() + rest.join("").toLowerCase();
}
