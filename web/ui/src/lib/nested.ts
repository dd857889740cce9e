// SPDX-License-Identifier: Apache-2.0

export type Tree = { [key: string]: string | Tree } | (string | Tree)[];

const maxText = 100_000;

/** The tree within an attribute whose text is a JSON object or list, null for any other text. Numbers keep their digits. */
export function treeOf(text: string): Tree | null {
  if ((text[0] !== '{' && text[0] !== '[') || text.length > maxText) return null;
  try {
    // As strings, numbers are not rounded.
    const exact = text.replace(/"(?:\\.|[^"\\])*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
      token.startsWith('"') ? token : `"${token}"`,
    );
    const parsed: unknown = JSON.parse(exact);
    return typeof parsed === 'object' && parsed !== null ? branch(parsed) : null;
  } catch {
    return null;
  }
}

function branch(value: object): Tree {
  const node = (child: unknown) => (typeof child === 'object' && child !== null ? branch(child) : String(child));
  if (Array.isArray(value)) return value.map(node);
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, node(child)]));
}
