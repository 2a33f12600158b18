/*! The devices that share one history: invite one, join one, shut one out. */
import { useId, useState, type FormEvent } from "react";
import { explain, useAction, useKeyFlow, useReading, type Device, type KeyFlow, type LinkCode } from "../../core";
import { Button, ConfirmButton } from "../../ui/Button";
import { Chip } from "../../ui/Chip";
import { formatWhen } from "../../ui/format";
import { Notice } from "../../ui/Notice";
import { Page } from "../../ui/Page";
import { Problem } from "../../ui/Problem";
import { CODE_LENGTH, groupedCode, tidyCode } from "./code";
import styles from "./devices.module.css";

function Invite() {
  const kf = useKeyFlow();
  const [code, setCode] = useState<LinkCode>();
  const make = useAction(async () => setCode(await kf.linkCode()));
  return (
    <section className={styles.card}>
      <h2>Link another device</h2>
      <p className={styles.soft}>Make a code here and enter it on the other device. It can be used once.</p>
      {code && (
        <div role="status">
          <p className={styles.code} data-testid="link-code" data-code={code.code}>
            {groupedCode(code.code)}
          </p>
          <p className={styles.soft}>Good until {formatWhen(code.expiresAt)}</p>
        </div>
      )}
      <div>
        <Button look={code ? "plain" : "primary"} testId="make-code" disabled={make.busy} onClick={() => void make.run()}>
          {code ? "Make a new code" : "Make a code"}
        </Button>
      </div>
      <Problem error={make.error} testId="make-code-error" />
    </section>
  );
}

function Join({ onJoined }: { onJoined: () => void }) {
  const kf = useKeyFlow();
  const [typed, setTyped] = useState("");
  const [joined, setJoined] = useState(false);
  const id = useId();
  const join = useAction((code: string) => kf.link(code));
  const code = tidyCode(typed);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setJoined(false);
    void join.run(code).then((linked) => {
      if (!linked) return;
      setJoined(true);
      setTyped("");
      onJoined();
    });
  };
  return (
    <section className={styles.card}>
      <h2>Join with a code</h2>
      <p className={styles.soft}>The sessions of this device are kept and added to the history you join.</p>
      <form className={styles.form} onSubmit={submit}>
        <label htmlFor={id}>Code from the other device</label>
        <div className={styles.row}>
          <input
            id={id}
            className={styles.input}
            data-testid="code-input"
            value={typed}
            autoComplete="one-time-code"
            autoCapitalize="characters"
            spellCheck={false}
            maxLength={CODE_LENGTH + 8}
            onChange={(event) => setTyped(event.target.value)}
          />
          <Button type="submit" look="primary" testId="code-submit" disabled={join.busy || code.length !== CODE_LENGTH}>
            {join.busy ? "Joining…" : "Join"}
          </Button>
        </div>
      </form>
      {joined && (
        <Notice kind="info" role="status" title="This device is linked." testId="linked">
          Its history arrives with the next sync.
        </Notice>
      )}
      <Problem error={join.error} testId="link-error" />
    </section>
  );
}

function Entry({ device, onRevoked }: { device: Device; onRevoked: () => void }) {
  const kf = useKeyFlow();
  const revoke = useAction(() => kf.revoke(device.id));
  const name = device.name?.trim() || "Unnamed device";
  return (
    <li className={styles.device} data-testid="device" data-device-id={device.id} data-current={device.current}>
      <div>
        <p className={styles.name}>
          {name} {device.current && <Chip tone="busy">This device</Chip>}
        </p>
        <p className={styles.soft}>
          Linked {formatWhen(device.createdAt)}
          {device.lastSeenAt !== null && <>, last seen {formatWhen(device.lastSeenAt)}</>}
        </p>
      </div>
      {!device.current && (
        <ConfirmButton
          testId="revoke"
          question={`Shut out ${name}? What it has not sent yet stays on it.`}
          confirm="Shut out"
          disabled={revoke.busy}
          onConfirm={() => void revoke.run().then((done) => done && onRevoked())}
        >
          Shut out
        </ConfirmButton>
      )}
      <Problem error={revoke.error} />
    </li>
  );
}

const load = (kf: KeyFlow) => kf.devices();

export function DevicesScreen() {
  const { value, error, reload } = useReading(load, "once");
  return (
    <Page
      title="Devices"
      testId="devices"
      intro="KeyFlow works on one device without any account. Link more devices to see the same history on all of them."
    >
      <div className={styles.cards}>
        <Invite />
        <Join onJoined={reload} />
      </div>
      <section className={styles.section}>
        <div className={styles.title}>
          <h2>Linked devices</h2>
          <Button look="quiet" testId="reload-devices" onClick={reload}>
            Refresh
          </Button>
        </div>
        {error !== undefined && (
          <Notice
            kind="warn"
            title="The list cannot be read at the moment."
            testId="devices-error"
          >
            It is kept on the server. Typing and your history work without it. <small>({explain(error).detail})</small>
          </Notice>
        )}
        {value && (
          <ul className={styles.list} data-testid="device-list">
            {value.map((device) => (
              <Entry key={device.id} device={device} onRevoked={reload} />
            ))}
          </ul>
        )}
      </section>
    </Page>
  );
}
