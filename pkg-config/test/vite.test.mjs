//! The package built into a page by Vite.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { build } from 'vite';

const out = mkdtempSync(join(tmpdir(), 'keyflow-vite-'));
after(() => rmSync(out, { recursive: true, force: true }));

const wasm = readFileSync(new URL('../../pkg/core_bg.wasm', import.meta.url));

/** Builds a fixture and gives its files by name. */
async function built(fixture) {
  const outDir = join(out, fixture);
  await build({
    root: fileURLToPath(new URL(`../fixtures/${fixture}`, import.meta.url)),
    configFile: false,
    logLevel: 'error',
    build: { outDir, emptyOutDir: true, target: 'esnext' },
  });
  const assets = join(outDir, 'assets');
  return new Map(readdirSync(assets).map((name) => [name, readFileSync(join(assets, name))]));
}

const script = (files) => [...files].find(([name]) => name.endsWith('.js'))[1].toString();
const modules = (files) => [...files].filter(([name]) => name.endsWith('.wasm'));

test('Vite copies the module unchanged and the script names its new place', async () => {
  const files = await built('vite');
  const [[name, bytes], ...others] = modules(files);
  assert.equal(others.length, 0);
  assert.ok(bytes.equals(wasm));
  assert.ok(script(files).includes(name));
  assert.ok(!script(files).includes('node:fs'), 'the entry for Node.js is not part of a page');
});

test('the inline entry leaves one script and no module beside it', async () => {
  const files = await built('vite-inline');
  assert.equal(modules(files).length, 0);
  assert.ok(script(files).includes(wasm.subarray(0, 300).toString('base64').slice(0, 400)));
});
