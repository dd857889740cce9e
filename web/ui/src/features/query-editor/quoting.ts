// SPDX-License-Identifier: Apache-2.0
import { type Completion, CompletionContext, type CompletionResult } from '@codemirror/autocomplete';
import { syntaxTree } from '@codemirror/language';
import { EditorState } from '@codemirror/state';
import { type CompleteStrategy, LanguageType, promQLLanguage } from '@prometheus-io/codemirror-promql';
import { quoted } from '@/lib/labels';

const plain = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

type Place = 'string' | 'label' | 'metric';

/** Where a name would be inserted: within quotes, among labels, or as a metric. */
function placeOf(state: EditorState, pos: number): { place: Place; from: number; to: number } {
  let place: Place = 'metric';
  for (let node: ReturnType<typeof atPos> | null = atPos(state, pos); node !== null; node = node.parent) {
    if (node.name === 'StringLiteral' || node.name === 'QuotedLabelName') {
      const closed =
        node.to - node.from > 1 && state.sliceDoc(node.to - 1, node.to) === state.sliceDoc(node.from, node.from + 1);
      return { place: 'string', from: node.from + 1, to: closed ? node.to - 1 : node.to };
    }
    if (node.name === 'LabelMatchers' || node.name === 'GroupingLabels') place = pos < node.to ? 'label' : place;
  }
  return { place, from: pos, to: pos };
}

function atPos(state: EditorState, pos: number) {
  return syntaxTree(state).resolve(pos, -1);
}

/** The same context with the word before the cursor as the grammar knows words: outside quotes it has ASCII letters only, and the rest is an error to it. */
function withPlainWord(context: CompletionContext): CompletionContext {
  const { state, pos } = context;
  const word = state.sliceDoc(0, pos).match(/[\p{L}_:][\p{L}\p{M}\p{N}_:.]*$/u)?.[0] ?? '';
  if (word === '' || plain.test(word)) return context;
  const doc = state.sliceDoc(0, pos - word.length) + 'x'.repeat(word.length) + state.sliceDoc(pos);
  const extensions = promQLLanguage(LanguageType.PromQL);
  return new CompletionContext(EditorState.create({ doc, extensions }), pos, context.explicit);
}

function inserted(name: string, place: Place): string {
  if (place === 'string') return quoted(name).slice(1, -1);
  return place === 'label' ? quoted(name) : `{${quoted(name)}}`;
}

/** Completes as inner does, and writes names that PromQL takes in quotes only as it wants them: {"订单", "地区"="华东"}. */
export class QuotingComplete implements CompleteStrategy {
  constructor(private readonly inner: CompleteStrategy) {}

  async promQL(context: CompletionContext): Promise<CompletionResult | null> {
    const { place, from, to } = placeOf(context.state, context.pos);
    const result = await this.inner.promQL(place === 'string' ? context : withPlainWord(context));
    if (result === null) return null;
    const quote = (option: Completion): Completion =>
      option.type === 'constant' && !plain.test(option.label)
        ? { ...option, apply: inserted(option.label, place) }
        : option;
    const options = result.options.map(quote);
    if (place === 'string') return { ...result, options, from, to, validFor: /^[^"'`\\]*$/ };
    return { ...result, options, validFor: /^[\p{L}\p{M}\p{N}_:.]+$/u };
  }

  destroy(): void {
    this.inner.destroy?.();
  }
}
