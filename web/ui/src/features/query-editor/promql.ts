// SPDX-License-Identifier: Apache-2.0
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, insertNewlineAndIndent } from '@codemirror/commands';
import { bracketMatching } from '@codemirror/language';
import { lintKeymap } from '@codemirror/lint';
import type { Extension } from '@codemirror/state';
import { keymap } from '@codemirror/view';
import { newCompleteStrategy, PromQLExtension } from '@prometheus-io/codemirror-promql';
import { QuotingComplete } from './quoting';

/** PromQL with completion of metrics, labels and values from the server. */
export function promqlExtensions(): Extension {
  const promql = new PromQLExtension().setComplete({
    completeStrategy: new QuotingComplete(
      newCompleteStrategy({ remote: { url: '/prometheus', httpMethod: 'GET', cache: { maxAge: 60_000 } } }),
    ),
  });
  return [
    history(),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ activateOnTyping: true, icons: false }),
    keymap.of([
      ...completionKeymap,
      ...closeBracketsKeymap,
      { key: 'Shift-Enter', run: insertNewlineAndIndent },
      ...historyKeymap,
      ...lintKeymap,
    ]),
    promql.asExtension(),
    // After the page's own Enter.
    keymap.of(defaultKeymap.filter((binding) => binding.key !== 'Enter')),
  ];
}
