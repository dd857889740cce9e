// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

const compressible = /\.(js|css|html|svg|json|txt)$/;
const minBytes = 1024;

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

/**
 * Writes a .gz beside every asset worth it, so that the server never compresses at run time, and puts back the
 * placeholder which lets the Go package build without Node.
 */
export function compress(): Plugin {
  let outDir = 'dist';
  return {
    name: 'strata-compress',
    apply: 'build',
    configResolved(config) {
      outDir = join(config.root, config.build.outDir);
    },
    closeBundle() {
      for (const path of filesBelow(outDir)) {
        if (!compressible.test(path) || statSync(path).size < minBytes) continue;
        const packed = gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION });
        if (packed.length < statSync(path).size) writeFileSync(`${path}.gz`, packed);
        else rmSync(`${path}.gz`, { force: true });
      }
      writeFileSync(join(outDir, '.keep'), '');
    },
  };
}
