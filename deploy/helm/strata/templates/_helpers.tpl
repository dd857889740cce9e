{{- /* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "strata.name" -}}
{{- if contains "strata" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-strata" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "strata.selector" -}}
app.kubernetes.io/name: strata
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "strata.labels" -}}
{{ include "strata.selector" . }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- /* strata.config is strata.yaml of one role: what the chart knows, then config, then the role's config. */}}
{{- define "strata.config" -}}
{{- $v := .root.Values }}
{{- $kafka := dict "brokers" $v.kafka.brokers "group" $v.kafka.group "topic_prefix" $v.kafka.topicPrefix "partitions" (int $v.kafka.partitions) "replication_factor" (int $v.kafka.replicationFactor) }}
{{- if $v.kafka.tls.enabled }}
{{- $tls := dict "enabled" true }}
{{- if $v.kafka.tls.secret }}{{ $_ := set $tls "ca_file" "/etc/strata/kafka-tls/ca.crt" }}{{ end }}
{{- if $v.kafka.tls.clientCertificate }}{{ $_ := set $tls "cert_file" "/etc/strata/kafka-tls/tls.crt" }}{{ $_ := set $tls "key_file" "/etc/strata/kafka-tls/tls.key" }}{{ end }}
{{- $_ := set $kafka "tls" $tls }}
{{- end }}
{{- if $v.kafka.sasl.mechanism }}
{{- $_ := set $kafka "sasl" (dict "mechanism" $v.kafka.sasl.mechanism "username" $v.kafka.sasl.username "password_file" "/etc/strata/kafka-sasl/password") }}
{{- end }}
{{- $cfg := dict
  "data_dir" "/var/lib/strata"
  "http" (dict "listen" "0.0.0.0:7080" "external_url" $v.externalURL)
  "otlp" (dict "grpc_listen" "0.0.0.0:4317" "http_listen" "0.0.0.0:4318")
  "catalog" (dict "url" $v.postgresql.url "password_file" "/etc/strata/postgresql/password")
  "self" (dict "endpoint" (printf "%s-gateway:4317" (include "strata.name" .root)))
}}
{{- /* A query process needs no Kafka: it asks the others about it. */}}
{{- if ne .role "query" }}{{ $_ := set $cfg "bus" (dict "kafka" $kafka) }}{{ end }}
{{- if and (eq .role "alert") $v.alert.ruleFiles }}
{{- $_ := set $cfg "alerting" (dict "rule_files" (list "/etc/strata/rules/*.yaml" "/etc/strata/rules/*.yml")) }}
{{- end }}
{{- $cfg = mergeOverwrite $cfg (deepCopy $v.config) (deepCopy (index $v .role).config) }}
{{- toYaml $cfg }}
{{- end }}

{{- /* strata.pod is the pod template of one role; "state" says where /var/lib/strata comes from: emptyDir or claim. */}}
{{- define "strata.pod" -}}
{{- $v := .root.Values }}
{{- $name := include "strata.name" .root }}
{{- $role := index $v .role }}
metadata:
  labels:
    {{- include "strata.labels" . | nindent 4 }}
    {{- with $v.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    checksum/config: {{ include "strata.config" . | sha256sum }}
    {{- if eq .role "alert" }}
    checksum/rules: {{ toYaml $v.alert.ruleFiles | sha256sum }}
    {{- end }}
    {{- with $v.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  # The names of services would become variables STRATA_…, which the program takes for misspelt keys of its configuration.
  enableServiceLinks: false
  automountServiceAccountToken: false
  {{- with $v.serviceAccount.name }}
  serviceAccountName: {{ . }}
  {{- end }}
  {{- with $v.imagePullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  terminationGracePeriodSeconds: {{ if eq .role "writer" }}120{{ else }}60{{ end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  containers:
    - name: strata
      image: "{{ $v.image.repository }}:{{ $v.image.tag | default .root.Chart.AppVersion }}"
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: [{{ .role }}, --config, /etc/strata/strata.yaml]
      env:
        - name: POD_IP
          valueFrom: {fieldRef: {fieldPath: status.podIP}}
        - name: STRATA_CLUSTER_INSTANCE
          valueFrom: {fieldRef: {fieldPath: metadata.name}}
        - name: STRATA_CLUSTER_ADVERTISE_URL
          {{- if eq .role "writer" }}
          value: "http://$(STRATA_CLUSTER_INSTANCE).{{ $name }}-writer:7080"
          {{- else }}
          value: "http://$(POD_IP):7080"
          {{- end }}
        {{- if or (eq .role "writer") (eq .role "query") }}
        - name: STRATA_CLICKHOUSE_URL
          valueFrom: {secretKeyRef: {name: {{ $v.clickhouse.secret }}, key: {{ $v.clickhouse.secretKey }}}}
        {{- end }}
        - name: GOMEMLIMIT
          valueFrom: {resourceFieldRef: {containerName: strata, resource: limits.memory}}
      ports:
        - {name: http, containerPort: 7080}
        {{- if eq .role "gateway" }}
        - {name: otlp-grpc, containerPort: 4317}
        - {name: otlp-http, containerPort: 4318}
        {{- end }}
      # A writer replays its write-ahead log before it listens.
      startupProbe:
        httpGet: {path: /-/healthy, port: http}
        periodSeconds: 5
        failureThreshold: {{ if eq .role "writer" }}360{{ else }}60{{ end }}
      livenessProbe:
        httpGet: {path: /-/healthy, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: {path: /-/ready, port: http}
        periodSeconds: 5
        timeoutSeconds: 5
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      {{- with $role.resources }}
      resources: {{ toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - {name: state, mountPath: /var/lib/strata}
        - {name: config, mountPath: /etc/strata/strata.yaml, subPath: {{ .role }}.yaml, readOnly: true}
        - {name: postgresql, mountPath: /etc/strata/postgresql, readOnly: true}
        {{- if and $v.kafka.tls.enabled $v.kafka.tls.secret (ne .role "query") }}
        - {name: kafka-tls, mountPath: /etc/strata/kafka-tls, readOnly: true}
        {{- end }}
        {{- if and $v.kafka.sasl.mechanism (ne .role "query") }}
        - {name: kafka-sasl, mountPath: /etc/strata/kafka-sasl, readOnly: true}
        {{- end }}
        {{- if and (eq .role "alert") $v.alert.ruleFiles }}
        - {name: rules, mountPath: /etc/strata/rules, readOnly: true}
        {{- end }}
  volumes:
    {{- if ne .role "writer" }}
    - {name: state, emptyDir: {}}
    {{- end }}
    - {name: config, configMap: {name: {{ $name }}}}
    - name: postgresql
      secret: {secretName: {{ $v.postgresql.secret }}, items: [{key: {{ $v.postgresql.secretKey }}, path: password}]}
    {{- if and $v.kafka.tls.enabled $v.kafka.tls.secret (ne .role "query") }}
    - {name: kafka-tls, secret: {secretName: {{ $v.kafka.tls.secret }}}}
    {{- end }}
    {{- if and $v.kafka.sasl.mechanism (ne .role "query") }}
    - name: kafka-sasl
      secret: {secretName: {{ $v.kafka.sasl.secret }}, items: [{key: {{ $v.kafka.sasl.secretKey }}, path: password}]}
    {{- end }}
    {{- if and (eq .role "alert") $v.alert.ruleFiles }}
    - {name: rules, configMap: {name: {{ $name }}-rules}}
    {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "strata.selector" . | nindent 10 }}
  {{- with $v.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.affinity }}
  affinity: {{ toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
