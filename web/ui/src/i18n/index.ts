// SPDX-License-Identifier: Apache-2.0
import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import en from './en.json';

export const languages = { en: 'English', zh: '简体中文' } as const;
export type Language = keyof typeof languages;

const storageKey = 'strata.language';

export function detectLanguage(): Language {
  try {
    const stored = localStorage.getItem(storageKey);
    if (stored === 'en' || stored === 'zh') return stored;
  } catch {
    // No storage: the browser's language decides.
  }
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

async function load(language: Language): Promise<void> {
  if (language === 'zh' && !i18next.hasResourceBundle('zh', 'translation')) {
    const { default: zh } = await import('./zh.json');
    i18next.addResourceBundle('zh', 'translation', zh);
  }
}

export async function setLanguage(language: Language): Promise<void> {
  await load(language);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en';
  try {
    localStorage.setItem(storageKey, language);
  } catch {
    // Kept for this visit only.
  }
}

export async function initI18n(language: Language = detectLanguage()): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    resources: { en: { translation: en } },
    keySeparator: false,
    nsSeparator: false,
    interpolation: { escapeValue: false },
  });
  if (language !== 'en') {
    await load(language);
    await i18next.changeLanguage(language);
  }
  document.documentElement.lang = language === 'zh' ? 'zh-Hans' : 'en';
}
