//! Notices when the compiled core stops on a fault of its own, and makes every call after that fail with `crashed`.
//!
//! A trap leaves the core's memory half changed, so nothing may run in it again. Promises that are waiting for the core
//! would wait for ever; they are rejected. Never tries to repair anything: what was saved is in the store.

/** @type {Error | undefined} */
let crash;
/** Rejects every promise that waits for the core. */
const waiting = new Set();

/** Makes an error of this package. */
export function keyFlowError(code, message, cause) {
  const error = new Error(message, cause === undefined ? undefined : { cause });
  error.name = 'KeyFlowError';
  return Object.assign(error, { code });
}

/** The error of the crash, when there was one. */
export function crashed() {
  return crash;
}

/** A promise like `promise` that is also rejected when the core crashes. */
export function orCrash(promise) {
  return new Promise((resolve, reject) => {
    waiting.add(reject);
    promise.then(resolve, reject).finally(() => waiting.delete(reject));
  });
}

/** The core's exports, each watched for traps. Called once, by the glue, in place of taking the exports as they are. */
export function guarded(exports) {
  const safe = {};
  for (const [name, value] of Object.entries(exports)) {
    safe[name] = typeof value === 'function' ? guard(name, value) : value;
  }
  return safe;
}

function guard(name, call) {
  // What the glue itself calls: timers and clean-up that come too late are to be ignored, not to be reported.
  const internal = name.startsWith('__') || name.startsWith('wasm_bindgen__');
  return (...args) => {
    if (crash !== undefined) {
      if (internal) return [];
      throw crash;
    }
    try {
      return call(...args);
    } catch (error) {
      if (!isTrap(error)) throw error;
      const why = 'the core of KeyFlow stopped on a fault of its own; what was saved is safe, load the page anew';
      crash = keyFlowError('crashed', why, error);
      for (const reject of waiting) reject(crash);
      waiting.clear();
      throw crash;
    }
  };
}

/** A stack that overflows is no RuntimeError, but leaves the core in the same state. */
function isTrap(error) {
  return (
    error instanceof WebAssembly.RuntimeError || error instanceof RangeError || error?.name === 'InternalError'
  );
}
