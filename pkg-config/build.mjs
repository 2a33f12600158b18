//! Assembles the npm package in `pkg/` from the bound core in `target/wasm-bindgen/`.
//!
//! Compiles nothing and reaches no network. Writes the whole folder anew, so that no file of an earlier build stays.

import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
const bound = process.argv[2] ?? join(target, 'wasm-bindgen');
const out = process.argv[3] ?? join(root, 'pkg');

const wasm = readFileSync(join(bound, 'keyflow_sync_bg.wasm'));
const glue = readFileSync(join(bound, 'keyflow_sync.js'), 'utf8');

const next = `${out}.next`;
rmSync(next, { recursive: true, force: true });
mkdirSync(next, { recursive: true });

writeFileSync(join(next, 'core_bg.wasm'), wasm);
writeFileSync(join(next, 'core.js'), fitted(glue));
writeFileSync(join(next, 'core_base64.js'), `export default '${wasm.toString('base64')}';\n`);
for (const name of ['crash.js', 'surface.js', 'web.js', 'node.js', 'inline.js']) {
  copyFileSync(join(here, 'src', name), join(next, name));
}
copyFileSync(join(here, 'keyflow-sync.d.ts'), join(next, 'core.d.ts'));
copyFileSync(join(here, 'README.package.md'), join(next, 'README.md'));
for (const name of readdirSync(root).filter((name) => /^LICENSE/.test(name))) {
  copyFileSync(join(root, name), join(next, name));
}
writeFileSync(join(next, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`);

// Two renames, so that a page that is being built meanwhile finds a whole package nearly always.
const old = `${out}.old`;
rmSync(old, { recursive: true, force: true });
if (existsSync(out)) renameSync(out, old);
renameSync(next, out);
rmSync(old, { recursive: true, force: true });
console.log(`package: ${readdirSync(out).length} files, version ${manifest().version}`);

/** The glue, watched for traps, and with no module of its own: where it is found is for each entry to say. */
function fitted(glue) {
  const fits = [
    [/^\/\* @ts-self-types=.*\n/, "import { guarded } from './crash.js';\n"],
    [/wasm = instance\.exports;/, 'wasm = guarded(instance.exports);'],
    [/if \(module_or_path === undefined\) \{\s*module_or_path = new URL\([^\n]*\n\s*\}/, ''],
  ];
  return fits.reduce((text, [find, put]) => {
    if (text.split(new RegExp(find.source, `${find.flags}g`)).length !== 2) {
      throw new Error(`the glue does not look as expected: ${find} is not in it exactly once`);
    }
    return text.replace(find, put);
  }, glue);
}

/** The template with what Cargo.toml says of version, description and licence. */
function manifest() {
  const template = JSON.parse(readFileSync(join(here, 'package.template.json'), 'utf8'));
  const cargo = readFileSync(join(root, 'Cargo.toml'), 'utf8');
  const value = (section, name) => {
    const body = cargo.split(/^\[/m).find((part) => part.startsWith(`${section}]`));
    const found = body?.match(new RegExp(`^${name} = "(.*)"$`, 'm'));
    if (!found) throw new Error(`Cargo.toml has no ${name} in [${section}]`);
    return found[1];
  };
  return {
    ...template,
    version: value('workspace.package', 'version'),
    description: value('package', 'description'),
    license: value('workspace.package', 'license'),
  };
}
