/*!
 * Chooses what to type next: a passage, or words taken from all passages.
 *
 * Pure: chance comes in as a function. It never repeats the word or passage just used when there is another one.
 */
import { passages, type Passage } from "./passages";

/** A number from 0 (included) to 1 (excluded). */
export type Chance = () => number;

/** The kinds of exercise the page offers. */
export type Exercise = { kind: "passage" } | { kind: "words"; count: number } | { kind: "time"; seconds: number };

export const exercises: readonly { readonly id: string; readonly label: string; readonly exercise: Exercise }[] = [
  { id: "passage", label: "Passage", exercise: { kind: "passage" } },
  { id: "words-25", label: "25 words", exercise: { kind: "words", count: 25 } },
  { id: "time-30", label: "30 seconds", exercise: { kind: "time", seconds: 30 } },
];

/** A text ready to be typed, and where it came from. */
export interface Chosen {
  readonly text: string;
  readonly sourceId: string;
  /** What the result calls it. */
  readonly title: string;
}

/** Every different word of the passages, lower case, without punctuation, sorted. */
export const vocabulary: readonly string[] = [
  ...new Set(passages.flatMap((passage) => passage.text.toLowerCase().match(/[a-z]+/g) ?? [])),
].sort();

/** One of `items` other than `avoid`, unless that is the only one. Throws when `items` is empty. */
function pick<T>(items: readonly T[], chance: Chance, avoid?: T): T {
  const others = items.length > 1 ? items.filter((item) => item !== avoid) : items;
  const chosen = others[Math.min(others.length - 1, Math.floor(chance() * others.length))];
  if (chosen === undefined) throw new Error("there must be something to choose from");
  return chosen;
}

/** A passage other than the one called `avoidId`. */
export function choosePassage(chance: Chance, avoidId?: string): Passage {
  return pick(
    passages,
    chance,
    passages.find((passage) => passage.id === avoidId),
  );
}

/** `count` words separated by single spaces; no word stands next to itself, also not next to `after`. */
export function chooseWords(count: number, chance: Chance, after?: string): string {
  const words: string[] = [];
  for (let last = after; words.length < count; ) {
    last = pick(vocabulary, chance, last);
    words.push(last);
  }
  return words.join(" ");
}

/** How many words a time test starts with; more are appended long before they run out. */
export const TIME_TEST_WORDS = 60;

/** What to type for `exercise`. `avoidId` is the passage that was typed last. */
export function choose(exercise: Exercise, chance: Chance, avoidId?: string): Chosen {
  switch (exercise.kind) {
    case "passage": {
      const passage = choosePassage(chance, avoidId);
      return { text: passage.text, sourceId: passage.id, title: passage.title };
    }
    case "words":
      return { text: chooseWords(exercise.count, chance), sourceId: "passage-words", title: `${exercise.count} words` };
    case "time":
      return {
        text: chooseWords(TIME_TEST_WORDS, chance),
        sourceId: "passage-words",
        title: `${exercise.seconds} seconds`,
      };
  }
}
