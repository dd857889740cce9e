// SPDX-License-Identifier: Apache-2.0
import { Modal } from '@mantine/core';
import { IconAffiliate, IconFileText, IconServer, IconTimeline } from '@tabler/icons-react';
import { type KeyboardEvent, type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useHosts } from '@/api/hosts';
import { useServices } from '@/api/services';
import { asTraceId } from '@/lib/query';
import { useGo } from '@/state/navigation';
import { useView } from '@/state/view';
import { pages } from './pages';
import c from './shell.module.css';

interface Option {
  id: string;
  group: string;
  label: string;
  hint?: string;
  icon: ReactNode;
  run: () => void;
}

const perGroup = 8;

export function CommandPalette({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      withCloseButton={false}
      padding={0}
      size={560}
      yOffset="12vh"
      centered={false}
    >
      {opened && <Palette onClose={onClose} />}
    </Modal>
  );
}

function usePaletteOptions(text: string): Option[] {
  const { t } = useTranslation();
  const { range, env } = useView();
  const go = useGo();
  const services = useServices(range, env).data?.services;
  const hosts = useHosts(range).data?.hosts;
  return useMemo(() => {
    const wanted = text.trim().toLowerCase();
    const fits = (label: string) => label.toLowerCase().includes(wanted);
    const out: Option[] = [];
    const traceId = asTraceId(text);
    if (traceId) {
      out.push({
        id: 'trace',
        group: t('palette.traces'),
        label: t('palette.openTrace', { id: traceId }),
        icon: <IconTimeline size={16} />,
        run: () => go(`/traces/${traceId}`),
      });
    }
    for (const page of pages) {
      if (fits(t(page.label))) {
        const hint = `g ${page.key}`;
        const icon = <page.icon size={16} />;
        out.push({
          id: page.path,
          group: t('palette.pages'),
          label: t(page.label),
          hint,
          icon,
          run: () => go(page.path),
        });
      }
    }
    for (const service of (services ?? []).filter((s) => fits(s.name)).slice(0, perGroup)) {
      out.push({
        id: `service ${service.name} ${service.environment}`,
        group: t('nav.services'),
        label: service.name,
        hint: service.environment,
        icon: <IconAffiliate size={16} />,
        run: () => go(`/services/${encodeURIComponent(service.name)}`),
      });
    }
    for (const host of (hosts ?? []).filter((h) => fits(h.name)).slice(0, perGroup)) {
      out.push({
        id: `host ${host.name}`,
        group: t('nav.hosts'),
        label: host.name,
        icon: <IconServer size={16} />,
        run: () => go(`/hosts/${encodeURIComponent(host.name)}`),
      });
    }
    if (wanted !== '' && !traceId) {
      const query = text.trim();
      const logs = <IconFileText size={16} />;
      const traces = <IconTimeline size={16} />;
      const group = t('palette.search');
      out.push({
        id: 'logs',
        group,
        label: t('palette.searchLogs', { query }),
        icon: logs,
        run: () => go('/logs', { q: query }),
      });
      out.push({
        id: 'traces',
        group,
        label: t('palette.searchTraces', { query }),
        icon: traces,
        run: () => go('/traces', { q: query }),
      });
    }
    return out;
  }, [text, services, hosts, t, go]);
}

function Palette({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const [index, setIndex] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const options = usePaletteOptions(text);
  const at = Math.min(index, Math.max(0, options.length - 1));
  useEffect(() => {
    list.current?.querySelector(`[data-index="${at}"]`)?.scrollIntoView({ block: 'nearest' });
  }, [at]);
  const run = (option: Option | undefined) => {
    if (!option) return;
    onClose();
    option.run();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') setIndex(Math.min(at + 1, options.length - 1));
    else if (event.key === 'ArrowUp') setIndex(Math.max(at - 1, 0));
    else if (event.key === 'Enter') run(options[at]);
    else return;
    event.preventDefault();
  };
  return (
    <div className={c.palette}>
      <input
        className={c.paletteInput}
        placeholder={t('palette.placeholder')}
        aria-label={t('palette.placeholder')}
        value={text}
        data-autofocus
        spellCheck={false}
        onChange={(event) => {
          setText(event.target.value);
          setIndex(0);
        }}
        onKeyDown={onKey}
      />
      <div className={c.paletteList} role="listbox" ref={list} aria-label={t('palette.open')}>
        {options.map((option, i) => (
          <div key={option.id}>
            {option.group !== options[i - 1]?.group && <div className={c.group}>{option.group}</div>}
            {/* biome-ignore lint/a11y/useKeyWithClickEvents: the input above owns the keyboard */}
            <div
              role="option"
              data-index={i}
              aria-selected={i === at}
              className={c.option}
              onClick={() => run(option)}
              onMouseMove={() => setIndex(i)}
            >
              {option.icon}
              <span className="truncate">{option.label}</span>
              {option.hint && <span className={c.hint}>{option.hint}</span>}
            </div>
          </div>
        ))}
      </div>
    </div>
  );
}
