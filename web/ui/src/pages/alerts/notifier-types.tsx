// SPDX-License-Identifier: Apache-2.0
import type { ComponentType } from 'react';
import type { NotifierConfig, NotifierType } from '@/api/alerts';
import { WebhookFields } from './webhook-fields';

export interface FieldsProps {
  config: NotifierConfig;
  onChange: (config: NotifierConfig) => void;
  /** What the server has against a key of the config. */
  errorOf: (key: string) => string | undefined;
}

interface TypeOfNotifier {
  name: string;
  blank: NotifierConfig;
  Fields: ComponentType<FieldsProps>;
  /** The keys beside which Fields shows what the server has against them. */
  checked: string[];
  /** Where notifications go, in the list. */
  target: (config: NotifierConfig) => string;
}

/** One row for each type that the server knows. */
export const notifierTypes: Record<NotifierType, TypeOfNotifier> = {
  webhook: {
    name: 'Webhook',
    blank: { url: '', allow_private: false },
    Fields: WebhookFields,
    checked: ['url', 'secret'],
    target: (config) => config.url,
  },
};

/** The row of a type; a server that is newer than the page may have others. */
export const typeOf = (type: string): TypeOfNotifier | undefined =>
  Object.hasOwn(notifierTypes, type) ? notifierTypes[type as NotifierType] : undefined;
