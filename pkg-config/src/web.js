//! The entry for browsers and bundlers: fetches the core from beside this file.

import load from './core.js';
import { starter } from './surface.js';

export { KeyFlow, isKeyFlowError, measure } from './surface.js';

// Bundlers look for exactly this expression to know that the module belongs to the page.
export default starter((source) =>
  load({ module_or_path: source ?? new URL('core_bg.wasm', import.meta.url) }),
);
