// SPDX-License-Identifier: Apache-2.0
import { Button, PasswordInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { ApiError } from '@/api/client';
import { signIn } from '@/api/status';
import { ErrorNote } from '@/components/states';
import { setSignInNeeded } from '@/state/auth';
import c from './sign-in.module.css';

export function SignIn() {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [key, setKey] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await signIn(key.trim());
      queries.clear();
      setSignInNeeded(false);
    } catch (cause) {
      const unknown = cause instanceof ApiError && cause.status === 401;
      setError(unknown ? new ApiError(401, cause.code, t('signIn.refused')) : cause);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className={c.page}>
      <form className={c.form} onSubmit={submit}>
        <img src="/favicon.svg" alt="" width={36} height={36} />
        <h1>{t('signIn.title')}</h1>
        <p className="dim">{t('signIn.detail')}</p>
        <PasswordInput
          size="sm"
          aria-label={t('signIn.key')}
          placeholder="strata_…"
          autoComplete="current-password"
          value={key}
          onChange={(event) => setKey(event.target.value)}
          autoFocus
        />
        {error !== null && <ErrorNote error={error} />}
        <Button type="submit" size="sm" loading={busy} disabled={key.trim() === ''}>
          {t('signIn.submit')}
        </Button>
      </form>
    </main>
  );
}
