// SPDX-License-Identifier: Apache-2.0
// Repeatable noise for the development mock.

export function rnd(seed) {
  let x = Math.imul(Math.floor(seed * 1000) ^ 0x9e3779b9, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
}

export const int = (seed, below) => Math.floor(rnd(seed) * below);

/** Smooth, roughly between -1 and 1. */
export const noise = (x) => (Math.sin(x) + Math.sin(x * 2.7 + 1) * 0.5 + Math.sin(x * 7.1 + 2) * 0.3) / 1.8;

export const hex = (seed, digits) => {
  let out = '';
  for (let i = 0; out.length < digits; i++)
    out += Math.floor(rnd(seed + i * 0.731) * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return out.slice(0, digits);
};
