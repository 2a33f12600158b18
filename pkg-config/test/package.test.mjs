//! The built package as Node.js resolves it: what is in it, and what answers before `init`.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const pkg = new URL('../../pkg/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', pkg), 'utf8'));

/** Runs a program of its own, since a module is loaded once in each process. */
function run(program) {
  const here = fileURLToPath(new URL('..', import.meta.url));
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program], { cwd: here }));
}

test('every file that the manifest names is there', () => {
  const inside = (value) => (typeof value === 'string' ? [value] : Object.values(value).flatMap(inside));
  const named = [manifest.types, ...inside(manifest.exports)];
  assert.ok(named.length > 5);
  for (const name of named) assert.ok(existsSync(new URL(name, pkg)), name);
});

test('the version is that of Cargo.toml', () => {
  const cargo = readFileSync(new URL('../../Cargo.toml', import.meta.url), 'utf8');
  assert.match(cargo, new RegExp(`^version = "${manifest.version}"$`, 'm'));
});

test('nothing in the package names a folder of the machine it was built on', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  for (const name of ['core_bg.wasm', 'core.js', 'package.json', 'README.md']) {
    const text = readFileSync(new URL(name, pkg), 'latin1');
    assert.ok(!text.includes(root) && !text.includes('/.cargo/'), name);
  }
});

test('a call before init is refused with notReady, and says so in the way of the call', () => {
  const seen = run(`
    import { KeyFlow, isKeyFlowError, measure } from '@keyflow/sync';
    const codes = [];
    await KeyFlow.open().catch((error) => codes.push(error.code, isKeyFlowError(error)));
    try { measure({}); } catch (error) { codes.push(error.code); }
    console.log(JSON.stringify(codes));
  `);
  assert.deepEqual(seen, ['notReady', true, 'notReady']);
});

test('init that fails says so and can be tried again', () => {
  const seen = run(`
    import init, { measure } from '@keyflow/sync';
    const codes = [];
    await init({ module_or_path: new Uint8Array([1, 2, 3]) }).catch((error) => codes.push(error.code));
    await init();
    codes.push(init() === init());
    try { measure({}); } catch (error) { codes.push(error.code); }
    console.log(JSON.stringify(codes));
  `);
  assert.deepEqual(seen, ['notReady', true, 'invalid']);
});

test('the inline entry works without any other file of the package being asked for', () => {
  const seen = run(`
    import init, * as api from '@keyflow/sync/inline';
    import { exercise } from './fixtures/exercise.js';
    console.log(JSON.stringify(await exercise(init, api, 'inline')));
  `);
  assert.deepEqual(seen, { wpm: 200, found: true, count: 1, phase: 'localOnly' });
});
