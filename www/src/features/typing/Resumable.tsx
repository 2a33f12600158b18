/*! Offers to go on with sessions that were cut off by a crash or a closed tab. */
import { useState } from "react";
import { useReading, type Draft, type KeyFlow } from "../../core";
import { Button, ConfirmButton } from "../../ui/Button";
import { formatWhen } from "../../ui/format";
import { Notice } from "../../ui/Notice";
import type { Desk } from "./desk";

const load = (kf: KeyFlow) => kf.resumable();

export function Resumable({ desk }: { desk: Desk }) {
  const { value, reload } = useReading(load);
  const [later, setLater] = useState(false);
  const draft: Draft | undefined = value?.[0];
  if (later || !draft) return null;
  const beginning = draft.text.split(/\s+/).slice(0, 6).join(" ");
  return (
    <Notice
      kind="info"
      role="status"
      testId="resumable"
      title="A session was cut off. Go on where you stopped?"
      actions={
        <>
          <Button look="primary" testId="resume-session" onClick={() => void desk.goOn(draft).then(reload)}>
            Go on
          </Button>
          <Button look="quiet" onClick={() => setLater(true)}>
            Not now
          </Button>
          <ConfirmButton
            question="Throw the unfinished session away?"
            confirm="Throw away"
            testId="forget-session"
            onConfirm={() => void desk.forget(draft).then(reload)}
          >
            Throw away
          </ConfirmButton>
        </>
      }
    >
      “{beginning}…”, started {formatWhen(draft.startedAt)}
    </Notice>
  );
}
