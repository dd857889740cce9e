// SPDX-License-Identifier: Apache-2.0
import { Button, NumberInput, Switch, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Rollout, type Selector, useAgentConfigs, useStartRollout } from '@/api/agents';
import { ApiError } from '@/api/client';
import { Section, Toolbar } from '@/components/blocks';
import { ErrorNote } from '@/components/states';
import { Editor } from '@/features/query-editor/editor';
import { yamlExtensions } from '@/features/query-editor/yaml';
import c from './agents.module.css';

const example = `# host, logs, syslog, journald, middleware, scrape, otlp, attributes
logs:
  - include: [/var/log/*.log]
`;

/** `web-* db-1 deployment.environment.name=prod`: names of hosts, and labels with their values. */
export function parseSelector(text: string): Selector {
  const out: Required<Selector> = { hosts: [], labels: {} };
  for (const word of text.split(/[\s,]+/).filter(Boolean)) {
    const at = word.indexOf('=');
    if (at > 0) out.labels[word.slice(0, at)] = word.slice(at + 1);
    else out.hosts.push(word);
  }
  return out;
}

interface RolloutFormProps {
  /** The configuration that went well last, to begin with. */
  from: string | undefined;
  onClose: () => void;
  onStarted: (rollout: Rollout) => void;
}

export function RolloutForm({ from, onClose, onStarted }: RolloutFormProps) {
  const { t } = useTranslation();
  const last = useAgentConfigs().data?.configs.find((config) => config.id === from);
  const [yaml, setYaml] = useState<string>();
  const [name, setName] = useState('');
  const [meant, setMeant] = useState('');
  const [percent, setPercent] = useState<string | number>(10);
  const [minutes, setMinutes] = useState<string | number>(2);
  const [silence, setSilence] = useState(false);
  const start = useStartRollout();
  const text = yaml ?? last?.yaml ?? example;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    start.mutate(
      {
        name,
        yaml: text,
        selector: parseSelector(meant),
        canary: { percent: Number(percent) },
        watch_seconds: Number(minutes) * 60,
        allow_silence: silence,
      },
      { onSuccess: onStarted },
    );
  };
  const line = start.error instanceof ApiError ? start.error.details.line : undefined;
  const problem =
    typeof line === 'number' && start.error
      ? { line, message: start.error.message, text: start.variables?.yaml }
      : null;
  return (
    <Section title={t('rollouts.new')} testId="rollout-form">
      <form onSubmit={submit} className={c.stack}>
        <div className={c.fields}>
          <TextInput label={t('rollouts.name')} required value={name} onChange={(e) => setName(e.target.value)} />
          <TextInput
            label={t('rollouts.meant')}
            placeholder={t('rollouts.meantExample')}
            value={meant}
            onChange={(e) => setMeant(e.target.value)}
          />
          <NumberInput
            label={t('rollouts.percent')}
            min={0.1}
            max={100}
            suffix=" %"
            value={percent}
            onChange={setPercent}
          />
          <NumberInput label={t('rollouts.minutes')} min={0.1} max={1440} value={minutes} onChange={setMinutes} />
        </div>
        <Editor
          key={last?.id}
          value={text}
          onChange={setYaml}
          label={t('agents.configuration')}
          extensions={yamlExtensions}
          minHeight={220}
          problem={problem && problem.text === text ? problem : null}
        />
        <Switch label={t('rollouts.allowSilence')} checked={silence} onChange={(e) => setSilence(e.target.checked)} />
        {start.error && <ErrorNote error={start.error} />}
        <span className="faint">{t('rollouts.explain')}</span>
        <Toolbar>
          <Button type="submit" loading={start.isPending}>
            {t('rollouts.start')}
          </Button>
          <Button variant="default" onClick={onClose}>
            {t('common.cancel')}
          </Button>
        </Toolbar>
      </form>
    </Section>
  );
}
