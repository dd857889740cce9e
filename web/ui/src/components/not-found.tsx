// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import { Empty } from './states';

export function NotFound() {
  const { t } = useTranslation();
  return <Empty title={t('notFound.title')}>{t('notFound.detail')}</Empty>;
}
