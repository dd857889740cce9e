// SPDX-License-Identifier: Apache-2.0
import { ActionIcon, Button, Group, Menu, Tooltip } from '@mantine/core';
import { IconChevronDown, IconRefresh } from '@tabler/icons-react';
import { useIsFetching } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { usePatchSearch } from '@/state/navigation';
import { useView } from '@/state/view';
import c from './time-range.module.css';

const choices = [0, 5, 10, 30, 60];

export function RefreshControl() {
  const { t } = useTranslation();
  const { refresh, refreshNow } = useView();
  const patch = usePatchSearch();
  const busy = useIsFetching() > 0;
  const label = (seconds: number) =>
    seconds === 0 ? t('refresh.off') : seconds < 60 ? `${seconds} s` : `${seconds / 60} m`;
  return (
    <Group gap={0} wrap="nowrap">
      <Tooltip label={t('refresh.now')}>
        <ActionIcon onClick={refreshNow} aria-label={t('refresh.now')}>
          <IconRefresh size={16} stroke={1.7} className={busy ? c.spin : undefined} />
        </ActionIcon>
      </Tooltip>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button
            variant="subtle"
            color="gray"
            px={6}
            h={28}
            aria-label={t('refresh.label')}
            rightSection={<IconChevronDown size={12} />}
            classNames={{ section: c.chevron }}
          >
            {label(refresh)}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {choices.map((seconds) => (
            <Menu.Item
              key={seconds}
              fw={seconds === refresh ? 600 : undefined}
              onClick={() => patch({ refresh: seconds === 0 ? undefined : String(seconds) })}
            >
              {label(seconds)}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}
