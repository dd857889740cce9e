// SPDX-License-Identifier: Apache-2.0
import { CompletionContext } from '@codemirror/autocomplete';
import { EditorState } from '@codemirror/state';
import { newCompleteStrategy, PromQLExtension } from '@prometheus-io/codemirror-promql';
import { describe, expect, it } from 'vitest';
import { QuotingComplete } from './quoting';

const strategy = new QuotingComplete(
  newCompleteStrategy({
    remote: {
      labelNames: async () => ['job', '地区'],
      labelValues: async () => ['华东', 'a"b'],
      metricMetadata: async () => ({}),
      series: async () => [],
      metricNames: async () => ['up', '订单数量', 'http.server'],
      flags: async () => ({}),
    },
  }),
);

/** What the text becomes when the completion with that label is taken at the bar. */
async function complete(text: string, label: string): Promise<string> {
  const pos = text.indexOf('|');
  const doc = text.replace('|', '');
  const state = EditorState.create({ doc, extensions: new PromQLExtension().asExtension() });
  const result = await strategy.promQL(new CompletionContext(state, pos, true));
  const option = result?.options.find((o) => o.label === label);
  if (!result || !option) return 'nothing';
  const insert = typeof option.apply === 'string' ? option.apply : option.label;
  return doc.slice(0, result.from) + insert + doc.slice(result.to ?? pos);
}

describe('completion of names that need quotes', () => {
  it.each([
    ['|', '订单数量', '{"订单数量"}'],
    ['u|', 'up', 'up'],
    ['订|', '订单数量', '{"订单数量"}'],
    ['http|', 'http.server', '{"http.server"}'],
    ['rate(h|)', 'http.server', 'rate({"http.server"})'],
    ['rate(订|)', '订单数量', 'rate({"订单数量"})'],
    ['{"订|"}', '订单数量', '{"订单数量"}'],
    ['{"|"}', '订单数量', '{"订单数量"}'],
    ['up{|}', '地区', 'up{"地区"}'],
    ['up{|}', 'job', 'up{job}'],
    ['up{job="a",|}', '地区', 'up{job="a","地区"}'],
    ['up{"地区"="|"}', '华东', 'up{"地区"="华东"}'],
    ['up{job="|"}', 'a"b', 'up{job="a\\"b"}'],
    ['sum by (|) (up)', '地区', 'sum by ("地区") (up)'],
    ['sum by ("|") (up)', '地区', 'sum by ("地区") (up)'],
    ['http.s|', 'http.server', '{"http.server"}'],
    ['up{地|}', '地区', 'up{"地区"}'],
    ['sum by (job, 地|) (up)', '地区', 'sum by (job, "地区") (up)'],
    ['up[5|]', '地区', 'nothing'],
    ['up + 订|', '订单数量', 'up + {"订单数量"}'],
  ])('%s takes %s', async (text, label, want) => expect(await complete(text, label)).toBe(want));
});
