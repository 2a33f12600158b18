/*!
 * From what the browser says about an input to what the core is told.
 *
 * Pure. Characters come from the input's own data and never from key names, which soft keyboards do not send.
 */

/** One thing to tell the core; the time is added by the caller. */
export type Keystroke = { op: "insert"; text: string } | { op: "backspace" } | { op: "deleteWord" } | { op: "paste" };

/** The part of an `InputEvent` that decides. */
export interface Input {
  readonly inputType: string;
  readonly data: string | null;
}

/**
 * What one input outside of an input method's composition means; empty for what the typing area does not take.
 *
 * `lineBreaks` says whether the text has line breaks; without any, Enter means nothing.
 */
export function keystrokes(input: Input, lineBreaks: boolean): readonly Keystroke[] {
  switch (input.inputType) {
    case "insertText":
    case "insertFromComposition":
      return inserted(input.data);
    case "insertReplacementText":
      return input.data ? [{ op: "backspace" }, { op: "insert", text: input.data }] : [];
    case "insertLineBreak":
    case "insertParagraph":
      return lineBreaks ? [{ op: "insert", text: "\n" }] : [];
    case "deleteContentBackward":
      return [{ op: "backspace" }];
    case "deleteWordBackward":
    case "deleteSoftLineBackward":
    case "deleteHardLineBackward":
      return [{ op: "deleteWord" }];
    case "insertFromPaste":
    case "insertFromPasteAsQuotation":
    case "insertFromDrop":
    case "insertFromYank":
      return [{ op: "paste" }];
    default:
      return [];
  }
}

function inserted(data: string | null): readonly Keystroke[] {
  return data ? [{ op: "insert", text: data }] : [];
}

/** What the text behind the sentinel became when an input could not be cancelled: a deletion, an insertion, or neither. */
export function difference(sentinel: string, value: string): readonly Keystroke[] {
  if (value.length < sentinel.length) return [{ op: "backspace" }];
  if (value.startsWith(sentinel)) return inserted(value.slice(sentinel.length));
  return inserted(value);
}
