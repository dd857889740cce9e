// SPDX-License-Identifier: Apache-2.0
import { ActionIcon, Popover, Tooltip } from '@mantine/core';
import { IconHelp, IconSearch, IconX } from '@tabler/icons-react';
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { type Signal, type Suggestion, useCompletion } from '@/api/fields';
import { completionAt, quoteValue } from '@/lib/query';
import { useView } from '@/state/view';
import c from './search-bar.module.css';
import { SearchHelp } from './search-help';

interface SearchBarProps {
  signal: Signal;
  value: string;
  onSubmit: (query: string) => void;
  /** Called as the text changes, for forms that send it with other fields. */
  onChange?: (query: string) => void;
  placeholder: string;
}

const mostSuggestions = 12;

export function SearchBar({ signal, value, onSubmit, onChange, placeholder }: SearchBarProps) {
  const { t } = useTranslation();
  const { range } = useView();
  const [text, setOwn] = useState(value);
  const [caret, setCaret] = useState(value.length);
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => setOwn(value), [value]);
  const setText = (next: string) => {
    setOwn(next);
    onChange?.(next);
  };
  const at = open ? completionAt(text, caret) : null;
  const answer = useCompletion(signal, at, range);
  const suggestions = at ? matching(answer.data ?? [], at.prefix).slice(0, mostSuggestions) : [];

  const submit = () => {
    setOpen(false);
    setActive(-1);
    onSubmit(text.trim());
  };
  const accept = (suggestion: Suggestion) => {
    if (!at) return;
    const insert = at.kind === 'field' ? `${suggestion.text}:` : `${quoteValue(suggestion.text)} `;
    const next = text.slice(0, at.start) + insert + text.slice(at.end).replace(/^\s+/, '');
    const position = at.start + insert.length;
    setText(next);
    setCaret(position);
    setActive(-1);
    requestAnimationFrame(() => {
      input.current?.focus();
      input.current?.setSelectionRange(position, position);
    });
  };
  const onKey = (event: KeyboardEvent<HTMLInputElement>) => {
    const picked = suggestions[active];
    if (event.key === 'ArrowDown' && suggestions.length > 0) setActive((active + 1) % suggestions.length);
    else if (event.key === 'ArrowUp' && suggestions.length > 0)
      setActive((active <= 0 ? suggestions.length : active) - 1);
    else if (event.key === 'Tab' && open && suggestions.length > 0 && !event.shiftKey && at?.prefix !== '')
      accept(picked ?? (suggestions[0] as Suggestion));
    else if (event.key === 'Enter') picked ? accept(picked) : submit();
    else if (event.key === 'Escape') open ? setOpen(false) : input.current?.blur();
    else return;
    event.preventDefault();
  };
  const place = (element: HTMLInputElement) => setCaret(element.selectionStart ?? element.value.length);
  return (
    <div className={c.bar}>
      <IconSearch size={15} className={c.icon} />
      <input
        ref={input}
        data-search
        className={c.input}
        role="combobox"
        aria-expanded={suggestions.length > 0}
        aria-controls="search-suggestions"
        aria-label={placeholder}
        placeholder={placeholder}
        value={text}
        spellCheck={false}
        autoComplete="off"
        autoCapitalize="off"
        onChange={(event) => {
          setText(event.target.value);
          place(event.target);
          setOpen(true);
          setActive(-1);
        }}
        onFocus={(event) => {
          place(event.target);
          setOpen(true);
        }}
        onClick={(event) => place(event.currentTarget)}
        onKeyUp={(event) => place(event.currentTarget)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKey}
      />
      {text !== '' && (
        <ActionIcon
          size={22}
          aria-label={t('search.clear')}
          onClick={() => {
            setText('');
            onSubmit('');
          }}
        >
          <IconX size={14} />
        </ActionIcon>
      )}
      <Popover position="bottom-end" width={440}>
        <Popover.Target>
          <Tooltip label={t('search.help')}>
            <ActionIcon size={22} aria-label={t('search.help')}>
              <IconHelp size={15} stroke={1.6} />
            </ActionIcon>
          </Tooltip>
        </Popover.Target>
        <Popover.Dropdown>
          <SearchHelp signal={signal} />
        </Popover.Dropdown>
      </Popover>
      {open && suggestions.length > 0 && (
        <div className={c.suggestions} role="listbox" id="search-suggestions">
          {suggestions.map((suggestion, i) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the input owns the keyboard
            <div
              key={suggestion.text}
              role="option"
              aria-selected={i === active}
              className={c.suggestion}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => accept(suggestion)}
            >
              <span className="truncate">{suggestion.text}</span>
              <span className={c.hint}>{suggestion.hint}</span>
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

/** Answers may still belong to the prefix before; what starts with the prefix comes first. */
function matching(all: Suggestion[], prefix: string): Suggestion[] {
  const wanted = prefix.toLowerCase();
  const fits = all.filter((s) => s.text.toLowerCase().includes(wanted) && s.text !== prefix);
  return fits.sort(
    (a, b) => Number(b.text.toLowerCase().startsWith(wanted)) - Number(a.text.toLowerCase().startsWith(wanted)),
  );
}
