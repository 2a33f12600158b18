/*! An exercise of the page as a mode of the core, and back. Pure. */
import type { Mode } from "../../core";
import type { Exercise } from "../../texts/choose";

export function modeOf(exercise: Exercise): Mode {
  switch (exercise.kind) {
    case "passage":
      return { kind: "text" };
    case "words":
      return { kind: "words", value: exercise.count };
    case "time":
      return { kind: "time", value: exercise.seconds };
  }
}

/** The exercise a session was; a given text for whatever the page does not offer. */
export function exerciseOf(mode: Mode): Exercise {
  if (mode.kind === "time") return { kind: "time", seconds: mode.value };
  if (mode.kind === "words" && mode.value !== undefined) return { kind: "words", count: mode.value };
  return { kind: "passage" };
}
