/*! Shown instead of the app when the store of this device cannot be opened. Nothing is deleted or reset from here. */
import { startAgain } from "../core";
import { Button } from "../ui/Button";
import { Failure } from "./Failure";

export function OpenFailure({ error }: { error: unknown }) {
  return (
    <main>
      <Failure error={error} testId="open-failure">
        <Button look="primary" testId="open-again" onClick={startAgain}>
          Try again
        </Button>
        <Button onClick={() => window.location.reload()}>Reload the page</Button>
      </Failure>
    </main>
  );
}
