import { describe, expect, test } from "vitest";
import { choose, choosePassage, chooseWords, vocabulary } from "./choose";
import { passages } from "./passages";

/** Chance that walks through the given numbers, over and over. */
function walk(...steps: number[]): () => number {
  let at = 0;
  return () => steps[at++ % steps.length] ?? 0;
}

describe("passages", () => {
  test("have ids of their own and a length one can finish in a minute or two", () => {
    expect(new Set(passages.map((passage) => passage.id)).size).toBe(passages.length);
    for (const { text } of passages) {
      expect(text.length).toBeGreaterThan(120);
      expect(text.length).toBeLessThan(320);
    }
  });

  test("hold nothing but printable ASCII with single spaces inside", () => {
    for (const { text } of passages) {
      expect(text).toMatch(/^[!-~]+( [!-~]+)*$/);
    }
  });

  test("do not come twice in a row", () => {
    for (const passage of passages) {
      for (let step = 0; step < 24; step += 1) {
        expect(choosePassage(() => step / 24, passage.id).id).not.toBe(passage.id);
      }
    }
  });

  test("can each be chosen", () => {
    const seen = new Set(passages.map((_, index) => choosePassage(() => index / passages.length).id));
    expect(seen.size).toBe(passages.length);
  });
});

describe("words", () => {
  test("come from the passages, in plain small letters, each once in the vocabulary", () => {
    expect(vocabulary.length).toBeGreaterThan(200);
    expect(new Set(vocabulary).size).toBe(vocabulary.length);
    for (const word of vocabulary) expect(word).toMatch(/^[a-z]+$/);
  });

  test("are as many as asked for and never stand next to themselves", () => {
    const words = chooseWords(200, walk(0, 0, 0.5, 0.5, 0.999)).split(" ");
    expect(words).toHaveLength(200);
    words.forEach((word, index) => expect(word).not.toBe(words[index - 1]));
  });

  test("do not repeat the word they follow", () => {
    const first = vocabulary[0];
    expect(chooseWords(1, () => 0, first)).not.toBe(first);
  });

  test("survive a chance of almost one", () => {
    expect(chooseWords(1, () => 0.9999999999999999)).toBe(vocabulary.at(-1));
  });
});

describe("an exercise", () => {
  test("of words has that many", () => {
    expect(choose({ kind: "words", count: 25 }, walk(0.1, 0.7)).text.split(" ")).toHaveLength(25);
  });

  test("of a passage names the passage it shows", () => {
    const chosen = choose({ kind: "passage" }, () => 0.3);
    expect(passages.find((passage) => passage.id === chosen.sourceId)?.text).toBe(chosen.text);
  });

  test("of time starts with enough words for its first seconds", () => {
    expect(choose({ kind: "time", seconds: 30 }, walk(0.2, 0.4)).text.split(" ").length).toBeGreaterThanOrEqual(60);
  });
});
