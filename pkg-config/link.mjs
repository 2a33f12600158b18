//! Makes the built package resolvable by its name, `exports` and all, for the tests of this folder.
//!
//! A link and no dependency: `npm ci` has to work before there is a package.

import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const pkg = join(dirname(here), 'pkg');
if (!existsSync(join(pkg, 'package.json'))) throw new Error('there is no built package in pkg/');

const link = join(here, 'node_modules', '@keyflow', 'sync');
mkdirSync(dirname(link), { recursive: true });
rmSync(link, { force: true, recursive: true });
symlinkSync(pkg, link, 'junction');
