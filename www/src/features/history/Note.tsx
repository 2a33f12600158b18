/*! Edits the note of a session. What was entered stays in the field until it is saved on this device. */
import { useEffect, useId, useState, type FormEvent } from "react";
import { useAction, useKeyFlow } from "../../core";
import { Button } from "../../ui/Button";
import { Problem } from "../../ui/Problem";
import styles from "./history.module.css";

export function Note({ sessionId, onDone }: { sessionId: string; onDone: () => void }) {
  const kf = useKeyFlow();
  /** `undefined` until the whole note is read: a list holds only its beginning. */
  const [text, setText] = useState<string>();
  const [error, setError] = useState<unknown>();
  const save = useAction((note: string) => kf.update(sessionId, { note: note === "" ? null : note }));
  const id = useId();
  useEffect(() => {
    let gone = false;
    kf.get(sessionId).then(
      (session) => !gone && setText(session?.note ?? ""),
      (problem: unknown) => !gone && setError(problem),
    );
    return () => {
      gone = true;
    };
  }, [kf, sessionId]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text === undefined) return;
    void save.run(text.trim()).then((saved) => saved && onDone());
  };
  return (
    <form className={styles.form} onSubmit={submit}>
      {text !== undefined && (
        <>
          <label htmlFor={id}>Note</label>
          <input
            id={id}
            data-testid="note-input"
            value={text}
            maxLength={500}
            autoFocus
            onChange={(event) => setText(event.target.value)}
            onKeyDown={(event) => event.key === "Escape" && onDone()}
          />
          <Button type="submit" look="primary" testId="note-save" disabled={save.busy}>
            Save
          </Button>
        </>
      )}
      <Button look="quiet" onClick={onDone}>
        Cancel
      </Button>
      <Problem error={error ?? save.error} />
    </form>
  );
}
