// SPDX-License-Identifier: Apache-2.0
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, indentOnInput } from '@codemirror/language';
import type { Extension } from '@codemirror/state';
import { keymap, lineNumbers } from '@codemirror/view';

export const yamlExtensions: Extension = [
  lineNumbers(),
  history(),
  bracketMatching(),
  indentOnInput(),
  yaml(),
  keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
];
