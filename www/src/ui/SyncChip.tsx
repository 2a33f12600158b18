/*! How far one session has come, in words that promise no more than is known. */
import type { SyncState } from "../core";
import { Chip, type Tone } from "./Chip";

const words: Record<SyncState, readonly [label: string, tone: Tone]> = {
  local: ["On this device", "calm"],
  queued: ["Queued", "calm"],
  sending: ["Sending", "busy"],
  synced: ["Synced", "good"],
  parked: ["Needs attention", "wrong"],
  conflict: ["Conflict", "warn"],
};

export function SyncChip({ state }: { state: SyncState }) {
  const [label, tone] = words[state];
  return (
    <Chip tone={tone} testId="sync-chip">
      {label}
    </Chip>
  );
}
