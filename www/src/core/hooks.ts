/*! How components read the store: its opening, its status, and lists that follow every change. */
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { currentOpening, currentStatus, onChange, onOpening, type KeyFlow, type Opening, type Status } from "./keyflow";

export function useOpening(): Opening {
  return useSyncExternalStore(onOpening, currentOpening);
}

/** The open store. Only for components below the point where the app has checked that it is open. */
export function useKeyFlow(): KeyFlow {
  const opening = useOpening();
  if (opening.state !== "open") throw new Error("this part of the page needs an open store");
  return opening.kf;
}

export function useStatus(): Status {
  return useSyncExternalStore(onChange, currentStatus);
}

/** Something read from the store that stays current. */
export interface Reading<T> {
  /** The last value that could be read; kept while a newer one is loaded, also when that fails. */
  readonly value: T | undefined;
  /** Why the last reading failed; `undefined` after one that succeeded. */
  readonly error: unknown;
  readonly reload: () => void;
}

/**
 * Reads with `load`, and again after every change of the store unless it is told `once`, as for what the server is
 * asked. At most one reading runs at a time; changes during it cause one more. `load` must be the same function until
 * something else is to be read.
 */
export function useReading<T>(load: (kf: KeyFlow) => Promise<T>, follow: "changes" | "once" = "changes"): Reading<T> {
  const kf = useKeyFlow();
  const [value, setValue] = useState<T>();
  const [error, setError] = useState<unknown>();
  const again = useRef<() => void>(() => undefined);

  useEffect(() => {
    let gone = false;
    let running = false;
    let stale = false;
    const read = async () => {
      if (running) {
        stale = true;
        return;
      }
      running = true;
      do {
        stale = false;
        try {
          const next = await load(kf);
          if (gone) return;
          setValue(() => next);
          setError(undefined);
        } catch (problem) {
          if (gone) return;
          setError(problem);
        }
      } while (stale);
      running = false;
    };
    again.current = () => void read();
    void read();
    const stop = follow === "changes" ? onChange(() => void read()) : undefined;
    return () => {
      gone = true;
      stop?.();
    };
  }, [kf, load, follow]);

  const reload = useCallback(() => again.current(), []);
  return { value, error, reload };
}

/** Something the user asked for that takes a while. */
export interface Action<A extends readonly unknown[]> {
  readonly run: (...args: A) => Promise<boolean>;
  readonly busy: boolean;
  /** Why the last run failed; `undefined` while one runs and after one that succeeded. */
  readonly error: unknown;
}

/** Runs `work` once at a time. `run` resolves with whether it succeeded and never rejects. */
export function useAction<A extends readonly unknown[]>(work: (...args: A) => Promise<unknown>): Action<A> {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const running = useRef(false);
  const run = async (...args: A): Promise<boolean> => {
    if (running.current) return false;
    running.current = true;
    setBusy(true);
    setError(undefined);
    try {
      await work(...args);
      return true;
    } catch (problem) {
      setError(problem);
      return false;
    } finally {
      running.current = false;
      setBusy(false);
    }
  };
  return { run, busy, error };
}
