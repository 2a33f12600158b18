//! The entry for Node.js: reads the core from beside this file.

import { readFileSync } from 'node:fs';

import load, { initSync } from './core.js';
import { starter } from './surface.js';

export { KeyFlow, isKeyFlowError, measure } from './surface.js';

export default starter(async (source) => {
  if (source !== undefined) await load({ module_or_path: source });
  else initSync({ module: readFileSync(new URL('core_bg.wasm', import.meta.url)) });
});
