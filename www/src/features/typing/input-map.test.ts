import { describe, expect, test } from "vitest";
import { difference, keystrokes } from "./input-map";

const map = (inputType: string, data: string | null = null, lineBreaks = false) =>
  keystrokes({ inputType, data }, lineBreaks);

describe("an input", () => {
  test("of text is inserted whole, also a swiped word", () => {
    expect(map("insertText", "a")).toEqual([{ op: "insert", text: "a" }]);
    expect(map("insertText", "hello ")).toEqual([{ op: "insert", text: "hello " }]);
    expect(map("insertFromComposition", "日本")).toEqual([{ op: "insert", text: "日本" }]);
  });

  test("without data means nothing", () => {
    expect(map("insertText")).toEqual([]);
    expect(map("insertText", "")).toEqual([]);
    expect(map("insertReplacementText")).toEqual([]);
  });

  test("that replaces a letter deletes it first", () => {
    expect(map("insertReplacementText", "é")).toEqual([{ op: "backspace" }, { op: "insert", text: "é" }]);
  });

  test("of a line break counts only in a text that has some", () => {
    expect(map("insertLineBreak", null, false)).toEqual([]);
    expect(map("insertLineBreak", null, true)).toEqual([{ op: "insert", text: "\n" }]);
    expect(map("insertParagraph", null, true)).toEqual([{ op: "insert", text: "\n" }]);
  });

  test("that deletes backwards deletes a letter or a word", () => {
    expect(map("deleteContentBackward")).toEqual([{ op: "backspace" }]);
    expect(map("deleteWordBackward")).toEqual([{ op: "deleteWord" }]);
    expect(map("deleteSoftLineBackward")).toEqual([{ op: "deleteWord" }]);
  });

  test("that pastes or drops is told without its text", () => {
    expect(map("insertFromPaste", "secret")).toEqual([{ op: "paste" }]);
    expect(map("insertFromDrop", "secret")).toEqual([{ op: "paste" }]);
  });

  test("of any other kind is not taken", () => {
    for (const other of ["historyUndo", "formatBold", "deleteContentForward", "insertTranspose", ""]) {
      expect(map(other, "x")).toEqual([]);
    }
  });
});

describe("the text behind the sentinel", () => {
  test("shows what was inserted or deleted", () => {
    expect(difference(" ", " a")).toEqual([{ op: "insert", text: "a" }]);
    expect(difference(" ", "")).toEqual([{ op: "backspace" }]);
    expect(difference(" ", " ")).toEqual([]);
  });

  test("counts whole when the sentinel itself was replaced", () => {
    expect(difference(" ", "x")).toEqual([{ op: "insert", text: "x" }]);
  });
});
