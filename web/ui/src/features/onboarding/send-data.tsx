// SPDX-License-Identifier: Apache-2.0
import { useTranslation } from 'react-i18next';
import { useStatus } from '@/api/status';
import { CodeBlock } from '@/components/copy';
import { Empty } from '@/components/states';

/** The variables every OpenTelemetry SDK reads, with this server's address, or a word for it while no gateway has told one. */
export function otelVariables(httpAddress: string | undefined, keyNeeded: boolean): string {
  const address = httpAddress || 'SERVER:4318';
  const endpoint = /^https?:/.test(address) ? address : `http://${address}`;
  const lines = [
    `export OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint}`,
    'export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf',
    'export OTEL_SERVICE_NAME=my-service',
    'export OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=production',
  ];
  if (keyNeeded) lines.push('export OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer strata_..."');
  return lines.join('\n');
}

export function SendData({ title, children }: { title: string; children?: string }) {
  const { t } = useTranslation();
  const { data } = useStatus();
  return (
    <Empty
      title={title}
      body={data && <CodeBlock text={otelVariables(data.addresses.otlp_http, data.auth.mode === 'required')} />}
    >
      {children ?? t('empty.sendData')}
    </Empty>
  );
}
