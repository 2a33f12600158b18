//! A core that stops on a fault of its own: every call fails with `crashed`, none waits for ever.
//!
//! Uses the watch by itself, around a module that traps; the module is a few bytes written by hand.

import assert from 'node:assert/strict';
import { test } from 'node:test';

/** `fine` gives 7, `fault` traps, `__late` is a call of the glue that traps. */
// prettier-ignore
const TRAPS = new Uint8Array([
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,
  0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7f, // type: () -> i32
  0x03, 0x03, 0x02, 0x00, 0x00, // two functions
  0x07, 0x19, 0x03, // exports
  0x04, 0x66, 0x69, 0x6e, 0x65, 0x00, 0x00,
  0x05, 0x66, 0x61, 0x75, 0x6c, 0x74, 0x00, 0x01,
  0x06, 0x5f, 0x5f, 0x6c, 0x61, 0x74, 0x65, 0x00, 0x01,
  0x0a, 0x0a, 0x02, // code
  0x04, 0x00, 0x41, 0x07, 0x0b,
  0x03, 0x00, 0x00, 0x0b,
]);

test('after a trap every call fails with crashed and no promise is left waiting', async () => {
  const { crashed, guarded, orCrash } = await import('../src/crash.js');
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(TRAPS));
  const core = guarded(exports);
  assert.equal(core.fine(), 7);
  assert.equal(await orCrash(Promise.resolve('done')), 'done');
  assert.equal(crashed(), undefined);

  const waiting = orCrash(new Promise(() => {}));
  const crash = { name: 'KeyFlowError', code: 'crashed' };
  assert.throws(() => core.fault(), crash);
  await assert.rejects(waiting, crash);
  assert.throws(() => core.fine(), crash);
  assert.equal(crashed().cause.name, 'RuntimeError');
  assert.deepEqual(core.__late(), [], 'clean-up that comes too late is ignored');
});
