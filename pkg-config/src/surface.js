//! What all entries of the package share: the classes as users see them, and how an entry starts the core.
//!
//! Adds only what the glue cannot do: a typed error before `init` and after a crash. Holds no rule of the core.

import * as core from './core.js';
import { crashed, keyFlowError, orCrash } from './crash.js';

export const { KeyFlow } = core;

/** What answers at once; everything else answers with a promise. */
const AT_ONCE = new Set([
  'startSession',
  'status',
  'subscribe',
  'input',
  'pause',
  'resume',
  'live',
  'words',
  'append',
  'events',
  'metrics',
]);

let ready = false;

/** Why no call can be made now; `undefined` when one can. */
function obstacle() {
  return crashed() ?? (ready ? undefined : keyFlowError('notReady', 'await init() before anything else'));
}

function checked(name, method) {
  if (AT_ONCE.has(name)) {
    return function (...args) {
      const error = obstacle();
      if (error !== undefined) throw error;
      return method.apply(this, args);
    };
  }
  return function (...args) {
    const error = obstacle();
    if (error !== undefined) return Promise.reject(error);
    try {
      return orCrash(Promise.resolve(method.apply(this, args)));
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

function check(target) {
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(target))) {
    const isPublic = typeof value === 'function' && name !== 'constructor' && !name.startsWith('__');
    if (isPublic) Object.defineProperty(target, name, { value: checked(name, value) });
  }
}

for (const Class of [core.KeyFlow, core.SessionHandle]) {
  // The garbage collector frees them; freed by hand while a call runs, they would break it.
  delete Class.prototype.free;
  if (Symbol.dispose) delete Class.prototype[Symbol.dispose];
  check(Class.prototype);
}
Object.defineProperty(KeyFlow, 'open', { value: checked('open', KeyFlow.open) });

export function measure(input) {
  const error = obstacle();
  if (error !== undefined) throw error;
  return core.measure(input);
}

export function isKeyFlowError(error) {
  return error instanceof Error && error.name === 'KeyFlowError' && typeof error.code === 'string';
}

/** The `init` of an entry: runs `load` once, and again only after it failed. */
export function starter(load) {
  let started;
  return function init(options) {
    started ??= (async () => {
      try {
        await load(options?.module_or_path);
        ready = true;
      } catch (error) {
        started = undefined;
        throw keyFlowError('notReady', `the core could not be loaded: ${error.message}`, error);
      }
    })();
    return started;
  };
}
